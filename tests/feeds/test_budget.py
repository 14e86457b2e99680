import random

import pytest

from msray.errors import UsageError
from msray.feeds.budget import SnapshotBudget
from msray.feeds.reconnect import SECOND


def test_who_matters_most_goes_first_then_who_asked_first() -> None:
    budget = SnapshotBudget(1000)
    for key, priority in (("c", 0), ("a", 2), ("d", 0), ("b", 1)):
        budget.ask(key, 10, priority)

    assert budget.grant(0) == ["a", "b", "c", "d"]


def test_a_mass_reconnect_spends_the_minute_and_the_rest_waits_for_it() -> None:
    budget = SnapshotBudget(6000)
    for i in range(30):
        budget.ask(f"s{i:02d}", 250)

    now = 0
    assert len(budget.grant(now)) == 24
    assert budget.grant(now + 59 * SECOND) == []
    assert budget.wait_ns(now + 59 * SECOND) == SECOND
    assert len(budget.grant(now + 60 * SECOND)) == 6
    assert budget.waiting == 0


def test_a_large_request_is_not_starved_by_small_ones() -> None:
    budget = SnapshotBudget(500)
    budget.ask("first", 250)
    budget.ask("second", 200)
    assert budget.grant(0) == ["first", "second"]
    budget.ask("large", 250, priority=1)
    budget.ask("small", 5)

    assert budget.grant(SECOND) == []
    assert budget.grant(60 * SECOND) == ["large", "small"]


def test_any_sixty_seconds_stay_below_the_limit() -> None:
    budget, rng, now, spent = SnapshotBudget(1000), random.Random(3), 0, []
    weights = {}

    for i in range(3000):
        now += rng.randrange(SECOND)
        weights[f"k{i}"] = rng.choice([5, 25, 50, 250])
        budget.ask(f"k{i}", weights[f"k{i}"], rng.randrange(3))
        spent += [(now, weights[key]) for key in budget.grant(now)]

    for i, (begin, _) in enumerate(spent):
        assert sum(w for at, w in spent[i:] if at - begin < 60 * SECOND) <= 1000


def test_others_on_the_same_address_are_seen_through_the_venue() -> None:
    budget = SnapshotBudget(1000)
    budget.ask("ours", 100)
    budget.grant(0)

    budget.answered(0, used=900)
    budget.ask("next", 250)

    assert budget.grant(0) == []
    assert budget.grant(60 * SECOND) == ["next"]


def test_429_waits_exactly_as_asked_and_halves_the_budget_for_five_minutes() -> None:
    budget = SnapshotBudget(1000)
    assert budget.refused(0, 429, 7.0) == 7.0
    budget.ask("a", 500)
    budget.ask("b", 500)

    assert budget.grant(7 * SECOND - 1) == []
    assert budget.wait_ns(0) == 7 * SECOND
    assert budget.grant(7 * SECOND) == ["a"]
    assert budget.grant(8 * SECOND) == []
    assert budget.grant(67 * SECOND) == ["b"]
    for key in ("c", "d"):
        budget.ask(key, 500)
    assert budget.grant((7 + 300) * SECOND) == ["c", "d"]


def test_during_a_ban_nothing_is_handed_out() -> None:
    budget = SnapshotBudget(1000)
    budget.ask("a", 5)

    budget.refused(0, 418, 3600.0)

    assert budget.grant(3599 * SECOND) == []
    assert budget.closed_until_ns == 3600 * SECOND
    assert budget.grant(3600 * SECOND) == ["a"]


@pytest.mark.parametrize(
    ("status", "asked", "waited"), [(429, None, 60.0), (418, None, 120.0), (429, 1e9, 259_200.0), (429, -5.0, 0.0)]
)
def test_missing_and_absurd_retry_times_are_bounded(status: int, asked: float | None, waited: float) -> None:
    assert SnapshotBudget(1000).refused(0, status, asked) == waited


def test_an_earlier_ban_outlasts_a_later_refusal() -> None:
    budget = SnapshotBudget(1000)
    budget.refused(0, 418, 100.0)

    budget.refused(SECOND, 429, 1.0)

    assert budget.closed_until_ns == 100 * SECOND


@pytest.mark.parametrize("weight", [0, -1, 501])
def test_a_weight_that_can_never_be_covered_is_refused(weight: int) -> None:
    with pytest.raises(UsageError, match=rf"weight of a must be 1 to 500 .*, got {weight}"):
        SnapshotBudget(1000).ask("a", weight)


def test_who_leaves_the_queue_holds_nobody_up() -> None:
    budget = SnapshotBudget(100)
    budget.ask("gone", 50, priority=9)
    budget.ask("here", 50)

    budget.cancel("gone")
    budget.cancel("never asked")

    assert budget.grant(0) == ["here"]
    assert budget.wait_ns(0) == 0
