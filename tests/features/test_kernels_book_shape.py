import math
from pathlib import Path

import numpy as np
import pytest

from msray.features import FEATURES, FeatureEngineering
from tests.features.logs import Market, asks, bids, recorded
from tests.naive.features_raw import raw

SHAPE = [feature.name for feature in FEATURES if feature.family == "book_shape"]


def shape_of(levels: list[tuple[int, int, int]], *, asked: int = 0, notional: float = 10.0) -> dict[str, float]:
    """The family's columns for one book."""
    market = Market(levels, asked=asked)
    market.depth(0.0)
    table = market.table(vwap_notional=notional)
    return {name: float(table[name][0]) for name in SHAPE}


def undefined(shape: dict[str, float]) -> set[str]:
    return {name for name, value in shape.items() if math.isnan(value)}


def test_prices_and_sizes_are_in_the_venues_units() -> None:
    shape = shape_of(bids((1999, 30), (1997, 10)) + asks((2003, 10), (2004, 50)))

    assert shape["mid_price"] == 100.05  # a grid tick is 0.05
    assert shape["spread"] == 0.2
    assert shape["spread_ticks"] == 2.0  # a declared tick is 0.10
    assert shape["spread_bps"] == pytest.approx(1e4 * 0.2 / 100.05, rel=1e-15)
    assert shape["microprice"] == pytest.approx(99.95 + 0.2 * 0.75, rel=1e-15)
    assert shape["imbalance_l1"] == 0.5
    assert shape["imbalance_l5"] == shape["imbalance_l10"] == -0.2
    assert shape["depth_bid_l10"] == 4.0
    assert shape["depth_ask_10bps"] == 1.0  # 10 bps above 100.05 is 100.15005
    assert shape["gap_l1_l2_ticks"] == 0.75
    assert shape["slope_bid"] == pytest.approx(1.0 / (1e4 * 0.1 / 100.05), rel=1e-12)


@pytest.mark.parametrize("levels", [[], bids((1999, 5)), asks((2001, 5))], ids=["no level", "no asks", "no bids"])
def test_an_empty_side_leaves_the_family_undefined(levels: list[tuple[int, int, int]]) -> None:
    assert undefined(shape_of(levels)) == set(SHAPE)


@pytest.mark.parametrize("bid", [2001, 2005], ids=["locked", "crossed"])
def test_a_crossed_or_locked_book_leaves_the_family_undefined(bid: int) -> None:
    assert undefined(shape_of(bids((bid, 5)) + asks((2001, 5)))) == set(SHAPE)


def test_one_level_a_side_has_no_slope_and_no_gap() -> None:
    shape = shape_of(bids((1999, 5)) + asks((2001, 5)))

    assert undefined(shape) == {"slope_bid", "slope_ask", "book_convexity", "gap_l1_l2_ticks"}
    assert shape["imbalance_l10"] == 0.0  # the top 10 of a side that ends is all it has


def test_two_levels_have_a_slope_but_no_curve() -> None:
    assert undefined(shape_of(bids((1999, 5), (1998, 5)) + asks((2001, 5), (2002, 5)))) == {"book_convexity"}


def test_where_the_covered_range_ends_deeper_columns_are_undefined() -> None:
    """A snapshot limited to 6 levels came back full: below its last bid the book is not known."""
    levels = bids(*((1999 - i, 5) for i in range(6))) + asks(*((2001 + i, 5) for i in range(4)))

    missing = undefined(shape_of(levels, asked=6))

    assert missing == {"imbalance_l10", "imbalance_weighted", "depth_bid_l10", "slope_bid", "book_convexity"}


def test_bids_within_10_bps_are_undefined_once_they_reach_beyond_the_covered_range() -> None:
    # 10 bps of 100 are two ticks of 0.05: down to 1998, up to 2002
    narrow = bids((1999, 5)) + asks((2001, 5))
    wide = bids((1999, 5), (1998, 6)) + asks((2001, 5), (2002, 7))

    assert math.isnan(shape_of(narrow, asked=1)["depth_bid_10bps"])
    assert shape_of(wide, asked=2)["depth_bid_10bps"] == 1.1
    assert shape_of(wide, asked=2)["depth_ask_10bps"] == 1.2


def test_a_touch_outside_the_covered_range_leaves_the_family_undefined() -> None:
    market = Market(bids((1999, 5)) + asks((2001, 5)), asked=1)
    market.depth(0.0, bids((1999, 0), (1990, 5)))

    table = market.table()

    assert all(np.isnan(table[name]).all() for name in SHAPE)


def test_walking_the_book_takes_a_part_of_the_last_level() -> None:
    shape = shape_of(bids((1999, 1), (1989, 100)) + asks((2001, 1), (2011, 100)), notional=20.0)
    first, last = 0.1, (20.0 - 0.1 * 100.05) / 100.55
    paid = 20.0 / (first + last)
    first, last = 0.1, (20.0 - 0.1 * 99.95) / 99.45
    got = 20.0 / (first + last)

    assert shape["vwap_spread_bps"] == pytest.approx(1e4 * (paid - got) / 100.0, rel=1e-11)


def test_a_book_that_does_not_hold_the_notional_has_no_price_for_it() -> None:
    assert math.isnan(shape_of(bids((1999, 1)) + asks((2001, 1)), notional=10.1)["vwap_spread_bps"])


def test_a_fit_is_made_anew_when_the_book_is_whole_again() -> None:
    levels = bids((1999, 5), (1998, 9), (1997, 1)) + asks((2001, 5), (2002, 1), (2003, 8))
    market = Market(levels)
    market.depth(0.0)
    market.depth(1.0, asks((2001, 0), (2002, 0), (2003, 0)) + bids((1998, 20)))
    market.depth(2.0, asks((2001, 5), (2002, 1), (2003, 8)))
    market.depth(3.0, bids((1998, 9)))

    slope = market.table()["slope_bid"]

    assert math.isnan(slope[1])
    assert slope[0] == slope[3] != slope[2]


@pytest.mark.parametrize("far", [10**3, 10**6])
def test_a_level_far_out_does_not_spoil_the_fit(far: int) -> None:
    """Sizes that lie on a parabola give its coefficient, however far the last level is."""
    distances = [0, 1, 2, 3, 4, far]
    sizes = np.diff([0, *(5 + 7 * x + 2 * x * x for x in distances)]).tolist()
    best = far + 10
    levels = bids(*((best - x, size) for x, size in zip(distances, sizes, strict=True)))
    levels += asks(*((best + 1 + x, size) for x, size in zip(distances, sizes, strict=True)))

    convexity = shape_of(levels)["book_convexity"]

    tick_bps = 1e4 / (best + 0.5)
    assert convexity * tick_bps**2 / 0.1 == pytest.approx(2.0, rel=1e-9)


def test_a_recorded_mid_is_the_mean_of_the_venues_decimals(data_dir: Path) -> None:
    """Correctly rounded: equal, not near, to the exact mean of the two printed prices."""
    instrument, records = recorded(data_dir / "binance_spot_nexousdt_24h/nexousdt_20240723.dat.gz", 400)
    table = FeatureEngineering(instrument, ["mid_price"]).transform(records)
    rows, _, _ = raw(instrument, records)

    for row, mid in zip(rows, table["mid_price"], strict=True):
        exact = instrument.step * int(row.bids.ticks[0] + row.asks.ticks[0]) / 2
        assert float(exact) == mid
