"""Figures of all replicas of the API, added up, so that every one of them tells the same."""

from msray.telemetry.families import FAMILIES
from msray.telemetry.metrics import Sample, add_to

ENDED_S = 600.0
"""A replica that was silent for so long has ended: it is counted on, but no longer told apart from others."""

_GAUGES = frozenset(family.name for family in FAMILIES if family.kind == "gauge")


class ReplicaFigures:
    """Adds up the latest sample of every replica: totals do not fall when one goes.

    A gauge says what is open in a replica now, so those of replicas add up too, and one that says nothing has none.
    """

    def __init__(self) -> None:
        self._told: dict[str, tuple[int, Sample]] = {}
        self._ended: Sample = {}

    def tell(self, replica: str, sample: Sample, now_ns: int) -> None:
        """Take a replica's cumulative sample, which replaces its last one.

        Parameters
        ----------
        replica
            A name that no other has, before or after it.
        sample
            Its figures.
        now_ns
            Monotonic time.
        """
        self._told[replica] = now_ns, sample
        for name in [name for name, (at_ns, _) in self._told.items() if at_ns < now_ns - ENDED_S * 1e9]:
            add_to(self._ended, _totals(self._told.pop(name)[1]))

    def sample(self, since_ns: int) -> Sample:
        """One sample for all of them; gauges only of those that spoke at or after ``since_ns``."""
        total: Sample = {}
        add_to(total, self._ended)
        for at_ns, sample in self._told.values():
            add_to(total, sample if at_ns >= since_ns else _totals(sample), adds_gauges=True)
        return total


def _totals(sample: Sample) -> Sample:
    return {name: series for name, series in sample.items() if name not in _GAUGES}
