import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest.config import SECOND, RiskConfig
from msray.backtest.risk import DAY_NS, Exposure, Refusal, RiskManager


def order(**changes):
    known = {
        "equity": 1000.0,
        "order_value": 100.0,
        "position_before": 0.0,
        "position_after": 100.0,
        "others": 0.0,
        "open_orders": 0,
    }
    return Exposure(**(known | changes))


@pytest.mark.parametrize(
    ("limit", "changes"),
    [
        ("max_order_pct", {"order_value": 600.0}),
        ("max_position_pct", {"position_after": -800.0}),
        ("max_exposure_pct", {"others": 950.0}),
        ("max_open_orders", {"open_orders": 3}),
        ("equity", {"equity": 0.0}),
    ],
)
def test_every_limit_refuses_by_its_name(limit, changes):
    manager = RiskManager(RiskConfig(max_order_pct=0.5, max_position_pct=0.7, max_open_orders=3))

    refusal = manager.check(order(**changes), 0)

    assert refusal is not None
    assert refusal.limit == limit
    assert manager.refusals == {limit: 1}


def test_orders_within_every_limit_pass():
    assert RiskManager(RiskConfig()).check(order(), 0) is None


def test_no_more_orders_than_the_rate_are_sent_within_a_second():
    manager = RiskManager(RiskConfig(max_orders_per_s=2))

    found = [manager.check(order(), at) for at in (0, 1, 2, SECOND, SECOND + 1)]

    assert [refusal is None for refusal in found] == [True, True, False, True, True]


def test_the_daily_loss_ends_trading():
    manager = RiskManager(RiskConfig(max_daily_loss_pct=0.05))

    assert manager.observe(1000.0, 0) is None
    assert manager.observe(951.0, SECOND) is None
    assert manager.observe(950.0, 2 * SECOND).limit == "max_daily_loss_pct"
    assert manager.check(order(), 3 * SECOND).limit == "halted"


def test_a_new_day_begins_with_its_own_equity():
    manager = RiskManager(RiskConfig(max_daily_loss_pct=0.05))
    manager.observe(1000.0, 0)

    assert manager.observe(960.0, 86_400 * SECOND) is None
    assert manager.observe(920.0, 86_401 * SECOND) is None
    assert manager.observe(912.0, 86_402 * SECOND) is not None


def test_a_fall_from_the_highest_equity_ends_trading():
    manager = RiskManager(RiskConfig(max_drawdown_pct=0.1, max_daily_loss_pct=1.0))

    for equity in (1000.0, 1200.0, 1081.0):
        assert manager.observe(equity, 0) is None
    assert manager.observe(1080.0, 0).limit == "max_drawdown_pct"


def test_an_order_that_makes_a_position_smaller_always_passes():
    manager = RiskManager(RiskConfig(max_orders_per_s=1, max_position_pct=0.01))
    manager.halt(Refusal("by_hand", "by hand"))

    for at in range(5):
        assert manager.check(order(position_before=900.0, position_after=500.0), at) is None
    assert manager.check(order(position_before=100.0, position_after=-50.0), 9).limit == "halted"


def test_cancels_count_for_the_rate_but_need_no_leave():
    manager = RiskManager(RiskConfig(max_orders_per_s=2))

    manager.note_sent(0)
    manager.note_sent(1)

    assert manager.check(order(), 2).limit == "max_orders_per_s"
    assert manager.check(order(), SECOND + 1) is None


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(900.0, 1100.0), max_size=20),
    st.sampled_from([0.01, 0.05, 1.0]),
    st.sampled_from([0.01, 0.1, 1.0]),
    st.integers(0, 20),
)
def test_quiet_are_the_values_of_the_day_that_would_not_end_trading(values, daily, drawdown, midnight):
    limits = RiskConfig(max_daily_loss_pct=daily, max_drawdown_pct=drawdown)
    at_ns = (DAY_NS - midnight * SECOND) + SECOND * np.arange(len(values))
    first, each = RiskManager(limits), RiskManager(limits)
    for manager in (first, each):
        manager.observe(1000.0, DAY_NS - 30 * SECOND)

    found = first.quiet(np.array(values), at_ns)

    today = [value for value, now in zip(values, at_ns.tolist(), strict=True) if now < DAY_NS]
    assert found == next((n for n, value in enumerate(today) if each.observe(value, int(at_ns[n]))), len(today))
