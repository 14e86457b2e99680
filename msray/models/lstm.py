"""``LSTMModel``: a bidirectional LSTM over a window."""

import torch
from torch import Tensor, nn

from msray.models.config import LSTMConfig
from msray.models.network import WindowNetwork


class LSTMModel(WindowNetwork):
    """Reads a window from both ends and answers from where both readings arrive.

    Notes
    -----
    Graves and Schmidhuber (2005), "Framewise phoneme classification with bidirectional LSTM". What reads backwards
    begins at the newest row, so each row is a new window: it cannot be stepped. :class:`~msray.models.gru.GRU` can.
    """

    def __init__(self, config: LSTMConfig) -> None:
        super().__init__(config)
        self.lstm = nn.LSTM(
            config.features,
            config.cells,
            config.layers,
            batch_first=True,
            bidirectional=True,
            dropout=config.dropout if config.layers > 1 else 0.0,
        )
        self.leave = nn.Sequential(nn.Dropout(config.dropout), self._head(2 * config.cells))

    def _through(self, rows: Tensor) -> Tensor:
        found, _ = self.lstm(rows)
        cells = found.shape[2] // 2
        scores: Tensor = self.leave(torch.cat([found[:, -1:, :cells], found[:, :1, cells:]], dim=2))
        return scores
