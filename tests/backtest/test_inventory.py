import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest.config import SECOND, BacktestConfig
from msray.backtest.inventory import Quoted, track_inventory
from msray.backtest.mids import Mids
from msray.backtest.portfolio import PortfolioManager
from msray.backtest.result import BacktestResult
from msray.errors import UsageError
from msray.market import Fill, Instrument, Side

LINEAR = Instrument(venue="test", symbol="X", price_decimals=2, size_decimals=3, tick=1, grid=1)
INVERSE = Instrument(venue="binance_coinm", symbol="BTCUSD_PERP", price_decimals=1, size_decimals=0, tick=1, grid=1)
MONEY = 10**45

PATHS = st.lists(
    st.tuples(
        st.sampled_from(Side),
        st.integers(1, 10**6),
        st.integers(1, 5000),
        st.booleans(),
        st.integers(1, 10**6),
        st.integers(1, 40 * SECOND),
    ),
    max_size=25,
)


def traded(fills, instrument=LINEAR):
    """The result of a backtest that traded this, each fill (side, price in ticks, size, is_maker, exchange ns)."""
    book = PortfolioManager(10_000.0, 0.001, -0.0002)
    book.add(instrument, 100.0 if instrument is INVERSE else 0.0)
    made = [
        Fill(
            instrument=instrument.id,
            order_id=number,
            side=Side(side),
            price=instrument.exact_price(price),
            size=size,
            is_maker=is_maker,
            exchange_ns=at_ns,
            local_ns=at_ns,
        )
        for number, (side, price, size, is_maker, at_ns) in enumerate(fills)
    ]
    for fill in made:
        book.apply(fill)
    return BacktestResult(
        config=BacktestConfig(),
        instruments=(instrument,),
        signals=(),
        fills=tuple(made),
        trades=tuple(book.trades),
        equity=(),
        accounts=book.accounts,
        answers={},
        refusals={},
        halted=None,
        orders=len(made),
    )


def mids(*path, instrument=LINEAR):
    """Mids of (seconds, mid in half ticks)."""
    at_s, half_ticks = zip(*path, strict=True)
    return Mids(instrument, np.array([round(s * SECOND) for s in at_s]), np.array(half_ticks, np.int64))


def walked(path):
    """Fills and mids of a random path: each fill, then a move of the mid to a new one after it."""
    now_ns, fills, at_ns, half_ticks = SECOND, [], [0], [2000]
    for side, price, size, is_maker, half_tick, wait_ns in path:
        now_ns += wait_ns
        fills.append((side, price, size, is_maker, now_ns))
        at_ns.append(now_ns)
        half_ticks.append(half_tick)
    return fills, at_ns, half_ticks


@settings(max_examples=200, deadline=None)
@given(PATHS)
def test_spread_captured_and_inventory_carried_are_all_that_was_earned_exactly(path):
    """Against sums in fractions: s (m - p) over fills and q dm over moves, and the account of the backtest itself."""
    fills, at_ns, half_ticks = walked(path)
    result = traded(fills)

    report = track_inventory(result, Mids(LINEAR, np.array(at_ns), np.array(half_ticks)))

    middles = [Fraction(half_tick, 200) for half_tick in half_ticks]
    held = captured = carried = Fraction(0)
    for (side, price, size, _, _), before, after in zip(fills, middles[:-1], middles[1:], strict=True):
        signed = Fraction(Side(side).sign * size, 1000)
        captured += signed * (before - Fraction(price, 100))
        held += signed
        carried += held * (after - before)
    earned, account = report.earnings, result.accounts[LINEAR.id]
    assert (earned.captured, earned.carried) == (captured * MONEY, carried * MONEY)
    assert earned.captured + earned.carried == earned.realized + earned.unrealized
    assert earned.realized == account.realized
    assert earned.net == account.worth(half_ticks[-1] * LINEAR.exact_price(1) // 2)
    assert report.captured.sum() == pytest.approx(float(captured), rel=1e-9, abs=1e-6)
    if path:
        last_move = float(held * (middles[-1] - middles[-2]))
        assert report.carried.sum() == pytest.approx(float(carried) - last_move, rel=1e-9, abs=1e-6)
        assert report.position[-1] == account.size


@settings(max_examples=100, deadline=None)
@given(PATHS)
def test_an_inverse_futures_coins_are_what_its_inventory_is(path):
    """Of c / p coins bought at p, coins (m - p) are captured and coins held times dm carried, but for rounded coins."""
    fills, at_ns, half_ticks = walked(path)
    result = traded(fills, INVERSE)

    report = track_inventory(result, Mids(INVERSE, np.array(at_ns), np.array(half_ticks)))

    middles = [Fraction(half_tick, 20) for half_tick in half_ticks]
    coins = captured = carried = Fraction(0)
    for (side, price, size, _, _), before, after in zip(fills, middles[:-1], middles[1:], strict=True):
        bought = Side(side).sign * size * 100 / Fraction(price, 10)
        captured += bought * (before - Fraction(price, 10))
        coins += bought
        carried += coins * (after - before)
    close = 4 * (len(path) + 1) * 10**5
    earned, account = report.earnings, result.accounts[INVERSE.id]
    assert abs(earned.captured - captured * MONEY) <= close
    assert abs(earned.carried - carried * MONEY) <= close
    assert abs(earned.net - account.worth(half_ticks[-1] * INVERSE.exact_price(1) // 2)) <= close


def test_a_round_trip_by_hand():
    """Bought 1 at 9.99 under a mid of 10.00, which falls to 9.95; sold at 9.96: 0.01 + 0.01 captured, 0.05 lost."""
    market = mids((0, 2000), (2, 1990), (8, 1990))
    result = traded([(0, 999, 1000, True, SECOND), (1, 996, 1000, True, 3 * SECOND)])

    report = track_inventory(result, market, horizons_s=(0.5, 4.0, 6.0))

    assert report.position.tolist() == [1000, 0]
    assert report.captured.tolist() == pytest.approx([0.01, 0.01])
    assert report.carried.tolist() == pytest.approx([0.0, -0.05])
    assert report.markouts == pytest.approx(np.array([[0.0, -0.05, -0.05], [0.0, 0.0, math.nan]]), nan_ok=True)
    assert report.captured_bps == pytest.approx(1e4 * 0.02 / 19.95)
    assert report.markout_bps == pytest.approx((0.0, -1e4 * 0.05 / 19.95, -1e4 * 0.05 / 10.0))
    earned = report.earnings.in_quote()
    assert earned["realized"] == pytest.approx(-0.03)
    assert earned["unrealized"] == 0
    assert earned["fees"] == pytest.approx(-0.0002 * (9.99 + 9.96))
    assert earned["net"] == pytest.approx(-0.03 - earned["fees"])


def test_a_fill_is_judged_by_the_mid_before_its_instant():
    market = mids((0, 2000), (1, 1990), (2, 1990))

    report = track_inventory(traded([(0, 999, 1000, True, SECOND)]), market, horizons_s=(0.5,))

    assert report.captured.tolist() == pytest.approx([0.01])
    assert report.markouts[:, 0].tolist() == pytest.approx([-0.05])


def test_a_position_that_halves_each_second_has_a_half_life_of_a_second():
    sells = [(1, 1000, 2 ** (10 - second), True, second * SECOND) for second in range(1, 10)]

    report = track_inventory(traded([(0, 1000, 1024, True, SECOND // 2), *sells]), mids((0, 2000), (10, 2000)))

    assert report.position.tolist() == [2 ** (10 - second) for second in range(10)]
    assert report.half_life_s == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("sizes", "half_life_s"),
    [([(0, 5)], math.inf), ([(0, 5), (1, 10), (0, 10), (1, 10)], math.nan)],
    ids=["held for ever", "turned around each second"],
)
def test_a_position_that_does_not_shrink_has_no_half_life(sizes, half_life_s):
    fills = [(side, 1000, size, True, second * SECOND) for second, (side, size) in enumerate(sizes, 1)]

    report = track_inventory(traded(fills), mids((0, 2000), (len(sizes) + 1, 2000), (len(sizes) + 1.5, 2000)))

    assert report.half_life_s == pytest.approx(half_life_s, nan_ok=True)


def test_a_maker_without_fills_has_earned_nothing_and_knows_little():
    report = track_inventory(traded([]), mids((0, 2000), (9, 2010)))

    assert report.earnings.net == 0
    assert report.markouts.shape == (0, 3)
    assert all(math.isnan(x) for x in (report.captured_bps, *report.markout_bps, report.half_life_s))
    assert all(math.isnan(x) for x in (report.time_at_limit, report.fill_rate, report.uptime))
    assert len(report.to_pandas()) == 0


def test_time_at_limit_fill_rate_and_uptime_by_hand():
    """At the limit of 2 from second 2 to 5 of 10; 2 of 4 orders traded while resting; both quotes at 6 of 8 looks."""
    fills = [(0, 1000, 1, True, 1 * SECOND), (0, 1000, 1, True, 2 * SECOND), (1, 1000, 2, False, 5 * SECOND)]
    quoted = Quoted(looks=8, bid=8, ask=6, both=6, placed=4)

    report = track_inventory(traded(fills), mids((0, 2000), (10, 2000)), limit_units=2, quoted=quoted)

    assert (report.time_at_limit, report.fill_rate, report.uptime) == (0.3, 0.5, 0.75)


def test_the_table_has_a_row_a_fill():
    result = traded([(0, 999, 1000, True, SECOND), (1, 1001, 500, False, 2 * SECOND)])

    table = track_inventory(result, mids((0, 2000), (9, 2000)), horizons_s=(1, 2.5)).to_pandas()

    assert table["side"].tolist() == ["buy", "sell"]
    assert table["price"].tolist() == [9.99, 10.01]
    assert table["size"].tolist() == [1000, 500]
    assert table["position"].tolist() == [1000, 500]
    assert table.columns.tolist()[-2:] == ["markout_1s", "markout_2.5s"]
    assert str(table["at"].dtype) == "datetime64[ns, UTC]"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"horizons_s": (0.0,)}, "horizons_s must lie above 0 and up to 86400, got 0.0"),
        ({"horizons_s": (math.nan,)}, "horizons_s must lie above 0"),
        ({"limit_units": 0}, "limit_units must be at least 1, got 0"),
    ],
)
def test_a_parameter_out_of_range_is_refused_by_name(words, said):
    with pytest.raises(UsageError, match=said):
        track_inventory(traded([]), mids((0, 2000)), **words)


def test_mids_that_cannot_judge_are_refused():
    result = traded([(0, 999, 1, True, SECOND)])

    with pytest.raises(UsageError, match="mids must begin before the first fill at 1000000000, got a first one at 2"):
        track_inventory(result, mids((2, 2000), (3, 2000)))
    with pytest.raises(UsageError, match="unknown instrument 'binance_coinm:BTCUSD_PERP'"):
        track_inventory(result, mids((0, 2000), instrument=INVERSE))
