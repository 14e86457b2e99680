"""The made-up market as events."""

import itertools

import numpy as np
import pytest

from msray.errors import UnknownNameError, UsageError
from msray.simulator.source import Kind
from msray.simulator.synthetic import DEFAULT_START_NS, SyntheticSource, planted_changes
from tests.simulator.made import COIN, SPOT, SYN

SECOND = 1_000_000_000


def test_a_seed_means_the_same_bytes() -> None:
    one, two, other = (
        [event.payload for event in SyntheticSource([SYN, SPOT], seed, seconds=20).events()] for seed in (5, 5, 6)
    )

    assert one == two
    assert one != other


def test_events_come_in_time_from_all_instruments_and_end_when_said() -> None:
    events = list(SyntheticSource([SYN, SPOT, COIN], 1, seconds=30).events())

    assert all(a.at_ns <= b.at_ns for a, b in itertools.pairwise(events))
    assert {(event.instrument, event.kind) for event in events} == set(
        itertools.product(range(3), (Kind.DEPTH, Kind.TRADE))
    )
    assert events[-1].at_ns <= DEFAULT_START_NS + 30 * SECOND < events[-1].at_ns + SECOND


def test_without_a_length_it_does_not_end() -> None:
    events = itertools.islice(SyntheticSource([SYN], 1).events(), 20_000)

    assert sum(1 for _ in events) == 20_000


def test_truth_tells_what_was_planted_so_far() -> None:
    source = SyntheticSource(
        [SYN, SPOT], 2, seconds=120, regimes=planted_changes("first_s=10,every_s=30,last_s=10,jitter_s=0")
    )
    for _ in source.events():
        pass

    changes = source.truth(DEFAULT_START_NS + 45 * SECOND)

    assert [(change.instrument, change.kind) for change in changes] == [
        (SYN, "volatility"),
        (SYN, "imbalance"),
        (SPOT, "volatility"),
        (SPOT, "imbalance"),
    ]
    assert changes[0].begin_ns == DEFAULT_START_NS + 10 * SECOND
    assert changes[1].end_ns == DEFAULT_START_NS + 45 * SECOND, "still on"
    assert source.truth(DEFAULT_START_NS) == []


def test_what_a_user_says_of_changes() -> None:
    plan = planted_changes("first_s=60, every_s=30,last_s=15,jitter_s=5,kinds=volatility+imbalance")

    assert not isinstance(plan, np.ndarray)
    assert (plan.first_s, plan.every_s, tuple(plan.kinds)) == (60.0, 30.0, ("volatility", "imbalance"))
    assert len(planted_changes("none")) == 0
    for wrong in ("first=60", "first_s=soon", "kinds=weather", "every_s=1"):
        with pytest.raises(UsageError):
            planted_changes(wrong)


@pytest.mark.parametrize("instruments", [[], [SYN, SYN]])
def test_instruments_are_at_least_one_and_different(instruments: list[str]) -> None:
    with pytest.raises(UsageError):
        SyntheticSource(instruments, 0)


def test_a_venue_that_cannot_be_simulated_is_refused() -> None:
    with pytest.raises(UnknownNameError):
        SyntheticSource(["binance_options:X"], 0)
    with pytest.raises(UsageError, match="seconds"):
        SyntheticSource([SYN], 0, seconds=0)
