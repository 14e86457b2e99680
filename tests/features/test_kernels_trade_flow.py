import math

import numpy as np
import pytest

from msray.market import TRADE, UNSIGNED
from tests.features.logs import SECOND, START_NS, Market, asks, bids

START = bids((1999, 30)) + asks((2001, 20))


def test_a_window_is_open_on_the_left() -> None:
    market = Market(START)
    market.depth(0.0)
    market.trade(2.0, 2000, 30)
    market.trade(2.5, 2000, 10, sold=True)
    for at_s in (2.999, 3.0, 3.5):
        market.depth(at_s)

    table = market.table()

    assert table["volume_1s"][1:].tolist() == [4.0, 1.0, 0.0]
    assert table["trade_imbalance_1s"][1:3].tolist() == [0.5, -1.0]
    assert math.isnan(table["trade_imbalance_1s"][3])
    assert table["trade_rate_1s"][1:].tolist() == [2.0, 1.0, 0.0]


def test_a_row_knows_the_trades_before_it_in_the_log_even_at_its_own_instant() -> None:
    market = Market(START)
    market.depth(0.0)
    market.trade(2.0, 2000, 30)
    market.depth(2.0)
    market.trade(2.0, 2000, 50)
    market.depth(2.0)

    assert market.table()["volume_1s"][1:].tolist() == [3.0, 8.0]


def test_a_sweep_at_one_instant_counts_every_trade() -> None:
    market = Market(START)
    market.depth(0.0)
    for tick in range(2001, 2011):
        market.trade(10.0, tick, 2)
    market.depth(10.0)

    table = market.table()

    assert table["trade_rate_1s"][1] == 10.0
    assert table["volume_10s"][1] == 2.0
    assert table["mean_trade_size_10s"][1] == 0.2
    assert table["hawkes_intensity"][1] == 10.0
    assert table["effective_spread_bps"][1] == pytest.approx(2e4 * 5.5 / 2000, rel=1e-13)


def test_a_trade_without_a_sign_counts_in_volume_and_in_no_flow_or_spread() -> None:
    market = Market(START)
    market.depth(0.0)
    market.trade(10.0, 2001, 30)
    market.add(TRADE, [(60, 2000, UNSIGNED)], event_ns=START_NS + 10 * SECOND)
    market.trade(10.0, 2001, 30)
    market.depth(10.5)
    market.depth(16.0)

    table = market.table()

    assert table["volume_1s"][1] == 12.0
    assert table["trade_rate_1s"][1] == 3.0
    assert table["trade_imbalance_1s"][1] == 0.5
    assert table["effective_spread_bps"][1] == pytest.approx(2e4 / 2000, rel=1e-13)
    assert table["realised_spread_bps"][2] == pytest.approx(2e4 / 2000, rel=1e-13)


def test_bursts_are_relative_to_what_the_epoch_has_seen() -> None:
    """One trade a second for two minutes is no burst; four in the last second nearly are."""
    market = Market(START)
    market.depth(0.0)
    for second in range(120):
        market.trade(second + 0.5, 2000, 10)
    market.depth(120.0)
    for tenth in range(4):
        market.trade(120.01 + tenth / 10, 2000, 10)
    market.depth(120.5)

    table = market.table()

    assert table["arrival_burst"][1] == pytest.approx(1.0, rel=0.01)
    assert table["volume_burst"][1] == pytest.approx(table["arrival_burst"][1], rel=1e-14)
    assert table["arrival_burst"][2] == pytest.approx(4 / (1 + 4 / 60 / (1 - math.exp(-2))), rel=0.02)


def test_vwap_is_exact_for_sizes_beyond_32_bits() -> None:
    market = Market(START)
    market.depth(0.0)
    market.trade(10.0, 1000, 2**57 + 1)
    market.trade(20.0, 3000, 2**57 + 1, sold=True)
    market.trade(30.0, 2**31 - 2, 1)
    market.depth(60.0)
    market.depth(71.0)
    vwap = ((2**57 + 1) * 4000 + 2**31 - 2) / (2**58 + 3)
    later = ((2**57 + 1) * 3000 + 2**31 - 2) / (2**57 + 2)

    found = market.table()["vwap_deviation_bps"]

    assert found[1:] == pytest.approx([1e4 * (2000 - vwap) / vwap, 1e4 * (2000 - later) / later], rel=1e-12, abs=1e-9)


def test_what_a_trade_paid_is_measured_from_the_mid_before_it() -> None:
    market = Market(START)
    market.trade(0.0, 2005, 10)  # no mid yet: it cannot count
    market.depth(1.0)
    market.trade(2.0, 2001, 10)
    market.depth(2.0, asks((2001, 0), (2009, 5)))
    market.trade(12.0, 1999, 10, sold=True)
    market.depth(12.0)

    found = market.table()["effective_spread_bps"]

    first, second = 2e4 * 1 / 2000, 2e4 * 5 / 2004
    rest = math.exp(-1)
    assert math.isnan(found[0])
    assert found[1] == pytest.approx(first, rel=1e-14)
    assert found[2] == pytest.approx((first * rest + second) / (rest + 1), rel=1e-13)


def test_a_realised_spread_waits_until_more_than_5_seconds_have_passed() -> None:
    market = Market(START)
    market.depth(0.0)
    market.trade(1.0, 2001, 10)
    market.depth(2.0, asks((2001, 0), (2003, 5)))
    market.depth(6.0, asks((2003, 0), (2005, 5)))  # at 5 s exactly: this mid is the one that counts
    market.depth(6.001, asks((2005, 0), (2007, 5)))
    market.depth(20.0)

    found = market.table()["realised_spread_bps"]

    assert np.isnan(found[:3]).all()
    assert found[3] == found[4] == pytest.approx(2e4 * (2001 - 2002) / 2000, rel=1e-14)


def test_effective_is_realised_plus_what_the_mid_moved() -> None:
    market = Market(START)
    market.depth(0.0)
    market.trade(1.0, 2001, 10)
    market.depth(3.0, asks((2001, 0), (2003, 5)))
    market.depth(10.0)

    table = market.table()

    impact = 2e4 * (2001 - 2000) / 2000
    assert table["effective_spread_bps"][2] == pytest.approx(table["realised_spread_bps"][2] + impact, rel=1e-12)


def test_many_trades_and_no_row_do_not_change_what_the_next_row_says() -> None:
    """Trades are forgotten, and ripen, when the ring is full; that must not be seen."""
    market = Market(START)
    market.depth(0.0)
    for number in range(3_000):
        market.trade(1.0 + number / 10, 2000 + number % 7, 1 + number % 5, sold=number % 3 == 0)
    market.depth(301.0)

    found = market.table()["realised_spread_bps"][1]

    ripe = [(1.0 + n / 10, (-1 if n % 3 == 0 else 1) * (n % 7) * 10) for n in range(3_000) if 6.0 + n / 10 < 301.0]
    weights = [math.exp(-(ripe[-1][0] - at) / 10) for at, _ in ripe]
    expected = sum(w * x for w, (_, x) in zip(weights, ripe, strict=True)) / sum(weights)
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "length_s"),
    [
        ("volume_1s", 1),
        ("trade_rate_1s", 1),
        ("volume_burst", 1),
        ("signed_volume_ew_10s", 10),
        ("vwap_deviation_bps", 60),
    ],
)
def test_windows_wait_until_the_epoch_has_lasted_their_length(name: str, length_s: int) -> None:
    market = Market(START)
    market.trade(0.0, 2000, 1)
    market.trade(length_s - 0.5, 2000, 1)
    market.depth(length_s - 0.001)
    market.depth(length_s)

    assert np.isnan(market.table()[name]).tolist() == [True, False]


def test_a_book_without_a_mid_leaves_volumes_as_they_are() -> None:
    market = Market(START)
    market.depth(0.0)
    market.trade(61.0, 2000, 10)
    market.depth(61.5, asks((2001, 0)))

    table = market.table()

    assert table["volume_1s"][1] == 1.0
    assert math.isnan(table["vwap_deviation_bps"][1])
