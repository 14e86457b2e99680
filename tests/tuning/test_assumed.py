"""Parameters are names of the configuration: only what one decides, within its bounds, and near misses are named."""

import pytest

from msray.backtest import BacktestConfig
from msray.errors import UsageError
from msray.prediction import DetectionConfig
from msray.tuning import Assumed, Axis, checked_space, default_space, parameter_names
from msray.tuning.config import TuneConfig

BASE = Assumed(backtest=BacktestConfig(), detection=DetectionConfig())


def refused(space: dict[str, Axis], base: Assumed = BASE) -> tuple[str, str]:
    with pytest.raises(UsageError) as caught:
        checked_space(space, base)
    return str(caught.value), caught.value.hint


def test_every_parameter_can_be_read_from_a_configuration() -> None:
    assert all(BASE.value(name) is not Ellipsis for name in parameter_names())
    assert {"backtest.maker.gamma", "backtest.risk.max_drawdown_pct", "detection.bar_ms"} < set(parameter_names())


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("backtest.profit_targt_pct", "backtest.profit_target_pct"),
        ("profit_target_pct", "backtest.profit_target_pct"),
        ("maker.gamma", "backtest.maker.gamma"),
        ("detection.arl", "detection.arl0"),
    ],
)
def test_a_name_that_is_none_is_refused_and_the_near_ones_are_named(name: str, near: str) -> None:
    message, hint = refused({name: Axis(low=1.0, high=2.0)})

    assert message == f"unknown parameter {name!r}"
    assert near in hint


@pytest.mark.parametrize("name", ["fee_rate", "latency.entry_ms", "initial_capital", "clock_correction_ms", "seed"])
def test_costs_and_clocks_cannot_be_searched(name: str) -> None:
    assert refused({f"backtest.{name}": Axis(low=1.0, high=2.0)})[0].startswith(f"backtest.{name} cannot be searched")


@pytest.mark.parametrize(
    ("name", "axis", "why"),
    [
        ("backtest.profit_target_pct", Axis(low=1e-4, high=5.0), "must be less than or equal to 0.2, got 5.0"),
        ("detection.arl0", Axis(low=1.0, high=500.0), "must be greater than or equal to 20, got 1.0"),
        ("backtest.maker.model", Axis(choices=("glft", "mine")), "must be 'avellaneda_stoikov' or 'glft', got mine"),
        ("backtest.maker.arrivals_per_s", Axis(low=1.0, high=2.0), "must be given together"),
    ],
)
def test_a_range_that_leaves_the_fields_own_is_refused(name: str, axis: Axis, why: str) -> None:
    message, _ = refused({name: axis})

    assert message.startswith(name)
    assert why in message


def test_two_words_for_one_thing_cannot_be_searched_at_once() -> None:
    both = {"detection.arl0": Axis(low=100, high=500), "detection.false_alarms_per_day": Axis(low=10, high=50)}

    assert "must have exactly one of false_alarms_per_day and arl0" in refused(both)[0]
    assert BASE.having({"detection.arl0": 100.0}).detection.false_alarms_per_day is None


def test_whole_numbers_know_it_and_text_becomes_what_its_field_is() -> None:
    space = checked_space(
        {"detection.bar_ms": Axis(choices=("100", "200")), "backtest.maker.max_inventory_orders": Axis(low=1, high=9)},
        BASE,
    )

    assert space["detection.bar_ms"].choices == (100, 200)
    assert space["backtest.maker.max_inventory_orders"].ends == (1, 9)
    assert all(isinstance(end, int) for end in space["backtest.maker.max_inventory_orders"].ends)


def test_parameters_make_the_configuration_that_they_name() -> None:
    found = BASE.having({"backtest.maker.gamma": 0.5, "detection.calibration.bars": 100})

    assert found.backtest == BASE.backtest.model_copy(
        update={"maker": BASE.backtest.maker.model_copy(update={"gamma": 0.5})}
    )
    assert found.detection.calibration.bars == 100
    assert BASE.having({}) == BASE


@pytest.mark.parametrize("strategy", ["follower", "maker"])
@pytest.mark.parametrize(
    "base",
    [
        BASE,
        Assumed(
            backtest=BacktestConfig(profit_target_pct=0.2, stop_loss_pct=1e-9, maker={"min_half_spread_ticks": 0.0}),
            detection=DetectionConfig(arl0=20),
        ),
    ],
)
def test_what_a_strategy_offers_is_around_what_it_has_and_within_bounds(strategy: str, base: Assumed) -> None:
    space = default_space(strategy, base)

    assert TuneConfig(space=space).space == space
    for name, axis in space.items():
        low, high = axis.ends
        assert low <= base.value(name) <= high


def test_detectors_are_left_alone_where_their_thresholds_are_given() -> None:
    assert not any(name.startswith("detection.") for name in default_space("follower", BASE, detects=False))


def test_a_strategy_of_ones_own_has_no_space_of_its_own() -> None:
    with pytest.raises(UsageError, match=r"strategy own.py:Mine has no search space"):
        default_space("own.py:Mine", BASE)
