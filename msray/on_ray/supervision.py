"""What to do about a shard: pure decisions, carried out by the supervisor."""

from dataclasses import dataclass
from enum import Enum

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
LIVED_S = 60.0
"""A run that lasted so long was a good one: pauses begin small again."""


class Ending(Enum):
    """How a run of a shard ended."""

    STOPPED = "stopped"
    """It was told to."""
    DIED = "died"
    """Its process is gone."""
    FENCED = "fenced"
    """Somebody else holds its instruments."""
    FAILED = "failed"
    """It raised."""


class Order(Enum):
    """What to do about it."""

    RESTART = "restart"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """A run that ended.

    Attributes
    ----------
    ending
        How.
    lasted_s
        Seconds from its start.
    failures
        Bad runs in a row before it.
    is_wanted
        Whether the shard should be running.
    """

    ending: Ending
    lasted_s: float
    failures: int
    is_wanted: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """An order, and how long to wait before it is carried out."""

    order: Order
    pause_s: float = 0.0
    failures: int = 0


def decide(status: RunStatus) -> Decision:
    """What to do about a run that ended.

    A dead process is started again at once, so that its books are back within two seconds; one that keeps failing is
    given longer and longer pauses. A fenced run never comes back: another one has its instruments.
    """
    if not status.is_wanted or status.ending in (Ending.STOPPED, Ending.FENCED):
        return Decision(Order.STOP)
    failures = 0 if status.lasted_s >= LIVED_S else status.failures
    pause_s = 0.0 if failures == 0 else min(FIRST_PAUSE_S * 2.0 ** (failures - 1), LONGEST_PAUSE_S)
    return Decision(Order.RESTART, pause_s, failures + 1)
