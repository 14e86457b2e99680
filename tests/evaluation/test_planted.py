"""Alarms against planted changes."""

import math

import pytest

from msray.evaluation import Alarm, PlantedChange, PlantedScore, score_planted

SECOND = 1_000_000_000


def change(kind: str = "volatility", begin_s: float = 10, end_s: float = 20, instrument: str = "v:X") -> PlantedChange:
    return PlantedChange(
        instrument=instrument, kind=kind, begin_ns=round(begin_s * SECOND), end_ns=round(end_s * SECOND)
    )


def alarm(at_s: float, signal_type: str = "volatility", instrument: str = "v:X") -> Alarm:
    return Alarm(instrument=instrument, signal_type=signal_type, event_ns=round(at_s * SECOND))


def score(changes: list[PlantedChange], alarms: list[Alarm]) -> PlantedScore:
    return score_planted(changes, alarms, begin_ns=0, end_ns=100 * SECOND)


def test_the_first_alarm_that_names_a_change_finds_it() -> None:
    result = score([change()], [alarm(17), alarm(12.5), alarm(14)])

    assert result.delays_s == (2.5,)
    assert (result.inside, result.returning, result.elsewhere) == (3, 0, 0)


@pytest.mark.parametrize(
    "missing",
    [
        alarm(12, "imbalance"),
        alarm(12, instrument="v:Y"),
        alarm(9.9),
        alarm(10),
        alarm(20.1),
    ],
)
def test_another_type_instrument_or_time_finds_nothing(missing: Alarm) -> None:
    assert score([change()], [missing]).delays_s == (None,)


@pytest.mark.parametrize("side", ["liquidity_bid", "liquidity_ask"])
def test_either_side_names_a_change_of_liquidity(side: str) -> None:
    assert score([change("liquidity")], [alarm(11, side)]).found == 1


def test_alarms_outside_every_change_are_false() -> None:
    alarms = [alarm(5), alarm(15), alarm(22), alarm(26), alarm(15, instrument="v:Y")]

    result = score([change(), change(begin_s=40, end_s=50)], alarms)

    assert (result.inside, result.returning, result.elsewhere) == (1, 1, 3)


def test_chance_is_that_of_as_many_alarms_at_random_times() -> None:
    alarms = [alarm(60), alarm(70), alarm(80, "intensity")]

    result = score([change()], alarms)

    assert result.chance == pytest.approx(1 - 0.9**2)


def test_share_has_wilsons_interval() -> None:
    result = score([change(begin_s=10 * i, end_s=10 * i + 5) for i in range(10)], [alarm(10 * i + 1) for i in range(8)])

    assert result.share == 0.8
    assert result.interval == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert result.delay_s(0.5) == 1.0


def test_nothing_planted_is_nothing_known() -> None:
    result = score([], [alarm(1)])

    assert math.isnan(result.share)
    assert math.isnan(result.chance)
    assert math.isnan(result.delay_s(0.5))
    assert result.interval == (0.0, 1.0)
    assert result.elsewhere == 1
