"""``DirectionalLSTM``: a bidirectional LSTM, and attention over what it says of each row of the window."""

import torch
from torch import Tensor, nn

from msray.models.config import DirectionalLSTMConfig
from msray.models.network import WindowNetwork


class DirectionalLSTM(WindowNetwork):
    """Reads a window from both ends; what it answers from is a mean over rows, weighted by learned attention.

    With 46 features and the defaults it has 2.46 million parameters, about the 2.5 million of the system it comes from.

    Notes
    -----
    Attention as in Bahdanau, Cho and Bengio (2015), "Neural machine translation by jointly learning to align and
    translate", here of one question: where to look. It cannot be stepped, see :class:`~msray.models.lstm.LSTMModel`.
    """

    def __init__(self, config: DirectionalLSTMConfig) -> None:
        super().__init__(config)
        both = 2 * config.cells
        self.lstm = nn.LSTM(
            config.features,
            config.cells,
            config.layers,
            batch_first=True,
            bidirectional=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.look = nn.Sequential(nn.Linear(both, config.cells), nn.Tanh(), nn.Linear(config.cells, 1))
        self.leave = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(both, config.cells), nn.GELU(), self._head(config.cells)
        )

    def _through(self, rows: Tensor) -> Tensor:
        found, _ = self.lstm(rows)
        weights = torch.softmax(self.look(found), dim=1)
        scores: Tensor = self.leave((weights * found).sum(dim=1, keepdim=True))
        return scores
