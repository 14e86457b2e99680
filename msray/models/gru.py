"""``GRU``: a gated recurrent unit that answers behind each row."""

from torch import Tensor, nn

from msray.models.config import GRUConfig
from msray.models.network import State, StepNetwork


class GRU(StepNetwork):
    """Rows through a linear layer and a recurrent unit.

    Its memory is its cells: a step costs the same however long the stream is.

    Notes
    -----
    Cho et al. (2014), "Learning phrase representations using RNN encoder-decoder".
    """

    def __init__(self, config: GRUConfig) -> None:
        super().__init__(config)
        self._layers, self._cells = config.layers, config.cells
        self.enter = nn.Sequential(nn.Linear(config.features, config.cells), nn.GELU(), nn.Dropout(config.dropout))
        self.gru = nn.GRU(config.cells, config.cells, config.layers, batch_first=True)
        self.leave = nn.Sequential(nn.LayerNorm(config.cells), nn.Dropout(config.dropout), self._head(config.cells))

    def start(self, batch: int) -> State:
        """See :class:`~msray.models.network.StepNetwork`."""
        return (next(self.parameters()).new_zeros(batch, self._layers, self._cells),)

    def _along(self, rows: Tensor, state: State) -> tuple[Tensor, ...]:
        (memory,) = state
        found, memory = self.gru(self.enter(rows), memory.transpose(0, 1).contiguous())
        return self.leave(found), memory.transpose(0, 1)
