import math

import numpy as np
import pytest

from msray.market import LEVEL
from tests.features.logs import Market, asks, bids

START = bids((1999, 30), (1997, 10)) + asks((2003, 20), (2005, 40))


def second_row(levels: list[tuple[int, int, int]], name: str, *, asked: int = 0, start: object = START) -> float:
    """A column after one message changed the book of ``START``."""
    market = Market(start, asked=asked)
    market.depth(0.0)
    market.depth(0.1, levels)
    return float(market.table()[name][1])


@pytest.mark.parametrize(
    ("levels", "flow"),
    [
        ([], 0.0),
        (bids((2000, 7)), 0.7),  # bid up: the new size
        (bids((1999, 0)), -3.0),  # bid down: the size that is gone
        (bids((1999, 36)), 0.6),  # bid unchanged: the difference
        (bids((1999, 4)), -2.6),
        (asks((2002, 7)), -0.7),  # the ask is the mirror image
        (asks((2003, 0)), 2.0),
        (asks((2003, 26)), -0.6),
        (asks((2003, 4)), 1.6),
        (bids((2000, 7)) + asks((2003, 0)), 2.7),
    ],
)
def test_order_flow_imbalance_is_that_of_the_hand_table(levels: list[tuple[int, int, int]], flow: float) -> None:
    assert second_row(levels, "ofi_l1") == flow


def test_ranks_are_compared_with_ranks_and_a_missing_level_is_size_0() -> None:
    """The second bid goes: its rank loses 1.0; ranks below were missing and are missing still."""
    assert second_row(bids((1997, 0)), "ofi_multilevel") == pytest.approx(-1.0 * math.exp(-0.5), rel=1e-14)


def test_the_first_row_knows_of_no_flow() -> None:
    market = Market(START)
    market.depth(0.0)

    assert math.isnan(market.table()["ofi_l1"][0])
    assert math.isnan(market.table()["ofi_multilevel"][0])


def test_a_book_that_was_crossed_starts_a_new_comparison() -> None:
    market = Market(START)
    for at_s, levels in ((0.0, []), (0.5, bids((2003, 9))), (1.0, bids((2003, 0))), (2.0, bids((1999, 40)))):
        market.depth(at_s, levels)

    table = market.table()

    assert np.isnan(table["ofi_l1"]).tolist() == [True, True, True, False]
    assert table["ofi_ew_1s"][3] == table["ofi_l1"][3] == 1.0


def test_an_ew_sum_decays_with_event_time() -> None:
    market = Market(START)
    market.depth(0.0)
    market.depth(1.0, bids((1999, 40)))
    market.depth(1.75)

    assert market.table()["ofi_ew_1s"][2] == pytest.approx(math.exp(-0.75), rel=1e-13)


LADDER = bids(*((1990 - i, 10) for i in range(12))) + asks((2010, 10))


@pytest.mark.parametrize(
    ("levels", "added", "removed"),
    [
        (bids((1990, 25)), 1.5, 0.0),
        (bids((1990, 4)), 0.0, 0.6),
        (bids((1985, 0)), 0.0, 1.0),  # the 11th level that moves up was there before: nothing is added
        (bids((1991, 5)), 0.5, 0.0),  # the 10th level that moves down is still there: nothing is removed
        (bids((1990, 0), (1991, 5)), 0.5, 1.0),
        (bids((1970, 9)), 0.0, 0.0),  # below what the top 10 shows
        (asks((2011, 3), (2010, 12)), 0.5, 0.0),  # a side that ends early shows every price
        (asks((2009, 1), (2010, 0)), 0.1, 1.0),
    ],
)
def test_size_is_added_or_removed_only_where_both_tops_show_the_price(
    levels: list[tuple[int, int, int]], added: float, removed: float
) -> None:
    market = Market(LADDER)
    market.depth(0.0)
    market.depth(9.0, levels)
    market.depth(10.0)

    table = market.table()

    assert table["add_rate_10s"][2] * 10 == pytest.approx(added, rel=1e-14)
    assert table["cancel_rate_10s"][2] * 10 == pytest.approx(removed, rel=1e-14)


def test_a_message_leaves_the_window_when_it_is_as_old_as_it() -> None:
    market = Market(LADDER)
    for at_s, size in ((0.0, 10), (1.0, 30), (10.999, 30), (11.0, 30)):
        market.depth(at_s, bids((1990, size)))

    assert market.table()["add_rate_10s"][2:].tolist() == [pytest.approx(0.2), 0.0]


def test_cancels_are_what_trades_do_not_explain() -> None:
    market = Market(LADDER)
    market.depth(0.0)
    market.trade(9.0, 1990, 4, sold=True)
    market.depth(9.1, bids((1990, 0), (1989, 8)))
    market.depth(10.0)

    assert market.table()["cancel_to_trade_10s"][2] == pytest.approx((12 - 4) / 4)


def test_without_a_trade_nothing_is_compared_with_trades() -> None:
    market = Market(LADDER)
    market.depth(0.0)
    market.depth(10.0, bids((1990, 0)))

    assert math.isnan(market.table()["cancel_to_trade_10s"][1])


def test_a_top_that_is_known_in_part_has_no_rates() -> None:
    market = Market(LADDER[:6] + asks((2010, 10)), asked=6)
    market.depth(0.0)
    market.depth(10.0, bids((1990, 20)))

    table = market.table()

    assert np.isnan([table[name][1] for name in ("add_rate_10s", "cancel_rate_10s", "ofi_multilevel")]).all()
    assert table["ofi_l1"][1] == 1.0


def test_the_largest_sizes_are_compared_exactly() -> None:
    largest = 2**58
    market = Market(bids((1999, largest)) + asks((2001, largest)))
    market.depth(0.0)
    market.depth(0.5, bids((1999, 1)))

    assert market.table()["ofi_l1"][1] == -(largest - 1) / 10
    assert np.dtype(LEVEL)["size"] == np.int64


@pytest.mark.parametrize(("name", "length_s"), [("ofi_ew_1s", 1), ("quote_rate_1s", 1), ("ofi_ew_10s", 10)])
def test_windows_wait_until_the_epoch_has_lasted_their_length(name: str, length_s: int) -> None:
    market = Market(START)
    market.trade(0.0, 2000, 1)
    market.depth(length_s - 0.001)
    market.depth(length_s)

    assert np.isnan(market.table()[name]).tolist() == [True, False]
