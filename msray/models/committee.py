"""``Committee``: networks that differ in their seed alone, as one that answers with the mean of their scores."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from msray.errors import UsageError
from msray.models.config import NetworkConfig
from msray.models.network import Network, State, StepNetwork, WindowNetwork


def committee(config: NetworkConfig, networks: Sequence[StepNetwork | WindowNetwork]) -> StepNetwork | WindowNetwork:
    """Networks as one; a single one is left as it is.

    Parameters
    ----------
    config
        Of all of them.
    networks
        Of one kind, with the same scaling: it is done once for all.

    Raises
    ------
    UsageError
        If there is none, or they are of several kinds, or scaled differently.
    """
    if not networks:
        raise UsageError("networks must be at least one, got none")
    first = networks[0]
    if len(networks) == 1:
        return first
    if any(type(one) is not type(first) for one in networks):
        raise UsageError(f"networks must be of one kind, got {', '.join(type(one).__name__ for one in networks)}")
    kind = StepCommittee if isinstance(first, StepNetwork) else WindowCommittee
    made = kind(config, networks)
    made.scale_by(first.center, first.width)
    for one in networks:
        if not (torch.equal(one.center, first.center) and torch.equal(one.width, first.width)):
            raise UsageError("networks must be scaled in the same way, and are not")
    return made


class StepCommittee(StepNetwork):
    """Causal networks as one; its memory is all of theirs, one behind the other."""

    def __init__(self, config: NetworkConfig, networks: Sequence[Network]) -> None:
        super().__init__(config)
        self.networks = nn.ModuleList(networks)

    def start(self, batch: int) -> State:
        """See :class:`~msray.models.network.StepNetwork`."""
        return tuple(part for one in self._each() for part in one.start(batch))

    def _along(self, rows: Tensor, state: State) -> tuple[Tensor, ...]:
        scores, memory, at = [], [], 0
        for one in self._each():
            taken = len(one.start(1))
            found, *after = one._along(rows, state[at : at + taken])
            scores.append(found)
            memory += after
            at += taken
        return torch.stack(scores).mean(dim=0), *memory

    def _each(self) -> Iterator[StepNetwork]:
        for one in self.networks:
            assert isinstance(one, StepNetwork)
            yield one


class WindowCommittee(WindowNetwork):
    """Networks over windows as one."""

    def __init__(self, config: NetworkConfig, networks: Sequence[Network]) -> None:
        super().__init__(config)  # type: ignore[arg-type]  # of networks over windows it is such a one
        self.networks = nn.ModuleList(networks)

    def _through(self, rows: Tensor) -> Tensor:
        found = [one._through(rows) for one in self.networks if isinstance(one, Network)]
        return torch.stack(found).mean(dim=0)
