"""What a user may say about faults, and that a seed means the same every time."""

from collections import Counter

import pytest

from msray.errors import UnknownNameError, UsageError
from msray.simulator.faults import Fault, FaultPlan, FaultSchedule, Planned

A, B = "binance_usdm:A", "binance_usdm:B"
SPEC = (
    "disconnect=0.01,gap=0.02,duplicate=0.03,reorder=0.04,corrupt=0.05,stall=0.01,stale_snapshot=0.2,slow_snapshot=0.3"
)


def fates(schedule: FaultSchedule, instrument: str, count: int) -> list[Fault | None]:
    return [schedule.message(instrument, i / 10, is_depth=True) for i in range(count)]


def test_a_spec_is_read_as_written() -> None:
    plan = FaultPlan.parse(" gap=0.02, t=12.5s:disconnect@binance_usdm:A,slow_s=2 ,t=3s:stall,until_s=60,halt_s=5")

    assert plan.chances == {Fault.GAP: 0.02}
    assert plan.planned == (Planned(3.0, Fault.STALL), Planned(12.5, Fault.DISCONNECT, A))
    assert (plan.slow_s, plan.until_s, plan.stall_s, plan.halt_s) == (2.0, 60.0, 10.0, 5.0)
    assert FaultPlan.parse("") == FaultPlan()


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("gap", "got 'gap'"),
        ("gap=2", "0 to 1, got '2'"),
        ("gap=-0.1", "0 to 1"),
        ("gap=nan", "0 to 1"),
        ("gap=often", "got 'often'"),
        ("slow_s=inf", "0 or more"),
        ("t=12:gap", "t=12s:disconnect"),
        ("t=12s", "t=12s:disconnect"),
        ("t=soons:gap", "got 'soon'"),
        ("gap=0.6,corrupt=0.5", "messages must sum to at most 1, got 1.1"),
        ("stale_snapshot=0.6,slow_snapshot=0.5", "snapshot requests must sum"),
    ],
)
def test_a_bad_spec_is_refused_with_item_and_range(spec: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        FaultPlan.parse(spec)


@pytest.mark.parametrize("spec", ["gapp=0.1", "t=1s:gapp"])
def test_a_misspelt_fault_gets_the_nearest_one(spec: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        FaultPlan.parse(spec)

    assert caught.value.hint == "did you mean 'gap'?"


def test_a_planned_fault_names_an_instrument_that_is_there() -> None:
    with pytest.raises(UnknownNameError):
        FaultSchedule(FaultPlan.parse("t=1s:gap@binance_usdm:C"), 0, [A, B])


def test_the_same_seed_gives_the_same_fates_whoever_asks_for_snapshots() -> None:
    plan = FaultPlan.parse(SPEC)
    one, two, other = FaultSchedule(plan, 7, [A, B]), FaultSchedule(plan, 7, [B, A]), FaultSchedule(plan, 8, [A, B])
    for i in range(50):
        two.request(A, i)
        two.message(B, i, is_depth=True)

    assert (seen := fates(one, A, 2000)) == fates(two, A, 2000)
    assert seen != fates(other, A, 2000)


def test_chances_are_kept() -> None:
    schedule = FaultSchedule(FaultPlan.parse(SPEC), 3, [A])
    seen = Counter(fates(schedule, A, 20_000))
    asked = Counter(schedule.request(A, 0) for _ in range(20_000))

    for fault, chance in schedule.plan.chances.items():
        count = (asked if fault.hits_requests else seen)[fault]
        assert abs(count / 20_000 - chance) < 5 * (chance / 20_000) ** 0.5
        assert schedule.counts[fault] == count
    assert len(schedule.injected) == 10_000


def test_only_depth_messages_are_gaps() -> None:
    schedule = FaultSchedule(FaultPlan.parse("gap=1,t=0s:gap"), 0, [A])

    assert [schedule.message(A, 1, is_depth=False) for _ in range(5)] == [None] * 5
    assert schedule.message(A, 1, is_depth=True) is Fault.GAP


def test_a_planned_fault_happens_once_at_its_time_to_its_instrument() -> None:
    schedule = FaultSchedule(FaultPlan.parse(f"t=5s:stall@{B},t=7s:stale_snapshot"), 0, [A, B])

    assert [schedule.message(A, s, is_depth=True) for s in range(10)] == [None] * 10
    assert [schedule.message(B, s, is_depth=True) for s in range(10)] == [None] * 5 + [Fault.STALL] + [None] * 4
    assert [schedule.request(A, s) for s in (6, 8, 9)] == [None, Fault.STALE_SNAPSHOT, None]


def test_nothing_happens_once_faults_are_over() -> None:
    schedule = FaultSchedule(FaultPlan.parse("gap=1,until_s=2"), 0, [A])

    assert [schedule.message(A, s, is_depth=True) for s in (0, 1.9, 2, 3)] == [Fault.GAP, Fault.GAP, None, None]
