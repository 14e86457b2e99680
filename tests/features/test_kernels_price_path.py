import math

import numpy as np
import pytest

from msray.features import FeatureEngineering, kernels_layout
from tests.features.logs import RANDOM, Market, asks, bids


def walk(*path: tuple[float, int]) -> Market:
    """A market whose mid is at these ticks from these seconds on; bid and ask are a tick to either side."""
    market = Market()
    last = None
    for at_s, mid in path:
        gone = [] if last is None else bids((last - 1, 0)) + asks((last + 1, 0))
        market.depth(at_s, gone + bids((mid - 1, 5)) + asks((mid + 1, 5)))
        last = mid
    return market


def test_a_return_looks_back_to_the_last_mid_that_is_old_enough() -> None:
    found = walk((0.0, 2000), (0.5, 2010), (1.5, 2020), (1.501, 2030)).table()["return_1s"]

    assert np.isnan(found[:2]).all()  # before there is a mid 1 s old
    assert found[2] == pytest.approx(math.log(2020 / 2010), rel=1e-13)
    assert found[3] == pytest.approx(math.log(2030 / 2010), rel=1e-13)


def test_of_two_mids_at_one_instant_the_later_one_stands() -> None:
    found = walk((0.0, 2000), (0.0, 2010), (1.0, 2020)).table()["return_1s"]

    assert found[2] == pytest.approx(math.log(2020 / 2010), rel=1e-13)


def test_a_crossed_book_does_not_enter_the_history() -> None:
    market = walk((0.0, 2000), (0.5, 2010))
    market.depth(0.7, bids((2050, 5)))
    market.depth(1.7, bids((2050, 0)))

    table = market.table()

    assert math.isnan(table["return_1s"][2])
    assert math.isnan(table["zscore_60s"][2])
    assert table["return_1s"][3] == 0.0  # against 2010, the last valid mid


def test_a_mid_that_does_not_move_has_returns_of_zero() -> None:
    found = walk((0.0, 2000), (400.0, 2000)).table()

    names = ("return_1s", "return_5s", "return_30s", "return_300s", "momentum_30s", "range_60s_bps")
    assert [found[name][1] for name in names] == [0.0] * 6
    assert math.isnan(found["zscore_60s"][1])  # no variance, no score


def test_momentum_is_in_bps_of_where_it_came_from() -> None:
    assert walk((0.0, 2000), (30.0, 2020)).table()["momentum_30s"][1] == pytest.approx(100.0, rel=1e-13)


def test_a_range_has_the_mid_that_stood_at_its_start_but_none_before() -> None:
    path = ((0.0, 1990), (10.0, 2020), (20.0, 2000), (79.0, 2005), (80.0, 2005), (80.1, 2004), (141.0, 2004))

    found = walk(*path).table()["range_60s_bps"]

    assert np.isnan(found[:3]).all()
    assert found[3] == pytest.approx(1e4 * math.log(2020 / 2000), rel=1e-13)  # 2020 stood until 20 s
    assert found[4] == found[5] == pytest.approx(1e4 * math.log(2005 / 2000), rel=1e-13)
    assert found[6] == 0.0


def test_a_score_weighs_the_past_by_its_age() -> None:
    found = walk((0.0, 2000), (60.0, 2010)).table()["zscore_60s"]

    w = 1 - math.exp(-1)
    mean, var = w * 10, (1 - w) * w * 100
    assert found[1] == pytest.approx((10 - mean) / math.sqrt(var), rel=1e-12)


def test_history_is_bounded_by_what_a_lag_can_ask_for() -> None:
    """A mid that moves every 10 ms for half an hour leaves no more behind than 300 s of it."""
    market = walk(*((i / 10, 2000 + i % 2) for i in range(18_000)))
    features = FeatureEngineering(RANDOM)

    features.transform(market.records())

    assert features.state[kernels_layout.MIDS_CAPACITY] == 4096
