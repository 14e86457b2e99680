"""``Linear``: multinomial logistic regression on the current row."""

from torch import Tensor

from msray.models.config import LinearConfig
from msray.models.network import State, StepNetwork


class Linear(StepNetwork):
    """Scores that are sums of the row's numbers, each with its weight; it remembers nothing."""

    def __init__(self, config: LinearConfig) -> None:
        super().__init__(config)
        self.leave = self._head(config.features)

    def start(self, batch: int) -> State:
        """See :class:`~msray.models.network.StepNetwork`; nothing."""
        return ()

    def _along(self, rows: Tensor, state: State) -> tuple[Tensor, ...]:
        return (self.leave(rows),)
