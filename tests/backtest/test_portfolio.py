from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest.account import MONEY_DECIMALS, as_float, money
from msray.backtest.portfolio import PortfolioManager
from msray.errors import UsageError
from msray.market import Fill, Instrument, Side

LINEAR = Instrument(venue="test", symbol="X", price_decimals=2, size_decimals=3, tick=1, grid=1)
INVERSE = Instrument(venue="binance_coinm", symbol="BTCUSD_PERP", price_decimals=1, size_decimals=0, tick=1, grid=1)
MONEY = 10**MONEY_DECIMALS

FILLS = st.lists(
    st.tuples(st.sampled_from(Side), st.integers(1, 10**6), st.integers(1, 5000), st.booleans(), st.integers(1, 10**6)),
    max_size=30,
)


def fill(side, price_units, size, *, is_maker=False, instrument=LINEAR, at_ns=0):
    price = instrument.exact_price(price_units)
    return Fill(
        instrument=instrument.id,
        order_id=1,
        side=Side(side),
        price=price,
        size=size,
        is_maker=is_maker,
        exchange_ns=at_ns,
        local_ns=at_ns,
    )


def portfolio(instrument=LINEAR, taker=0.001, maker=-0.0002):
    made = PortfolioManager(10_000.0, taker, maker)
    made.add(instrument, 100.0 if instrument is INVERSE else 0.0)
    return made


@settings(max_examples=200, deadline=None)
@given(FILLS)
def test_equity_is_capital_and_gains_less_costs_exactly_at_every_event(fills):
    made = portfolio()
    account = made.accounts[LINEAR.id]

    for side, price, size, is_maker, mark in fills:
        made.apply(fill(side, price, size, is_maker=is_maker))
        made.mark(LINEAR.id, LINEAR.exact_price(mark))
        made.pay_funding(LINEAR.id, 0.0001)

        unrealized = account.value(account.size, LINEAR.exact_price(mark)) - account.cost
        assert made.exact_equity == made.initial + account.realized + unrealized - account.fees - account.funding


@settings(max_examples=200, deadline=None)
@given(FILLS)
def test_profit_is_spread_captured_and_inventory_less_costs_exactly(fills):
    """Equity gained = sum of s (m - p) over fills + sum of q dm over moves - fees - funding, in fractions of money."""
    made = portfolio()
    mark, held = Fraction(100), Fraction(0)
    captured = inventory = Fraction(0)

    for side, price, size, is_maker, new_mark in fills:
        signed = Fraction(side.sign * size, 1000)
        captured += signed * (mark - Fraction(price, 100))
        held += signed
        inventory += held * (Fraction(new_mark, 100) - mark)
        mark = Fraction(new_mark, 100)
        made.apply(fill(side, price, size, is_maker=is_maker))
        made.mark(LINEAR.id, LINEAR.exact_price(new_mark))

    costs = made.accounts[LINEAR.id].fees
    assert made.exact_equity - made.initial == (captured + inventory) * MONEY - costs


@settings(max_examples=200, deadline=None)
@given(FILLS)
def test_an_inverse_future_earns_what_its_coins_are_worth(fills):
    """Within one unit of the smallest money a booking: contracts / entry - contracts / exit coins, at the mark."""
    made = portfolio(INVERSE, taker=0.0, maker=0.0)
    coins, contracts, mark = Fraction(0), 0, Fraction(1)

    for side, price, size, _, new_mark in fills:
        coins += side.sign * size * 100 / Fraction(price, 10)
        contracts += side.sign * size
        mark = Fraction(new_mark, 10)
        made.apply(fill(side, price, size, instrument=INVERSE))
        made.mark(INVERSE.id, INVERSE.exact_price(new_mark))

    expected = (coins * mark - 100 * contracts) * MONEY
    assert abs(made.exact_equity - made.initial - expected) <= 2 * len(fills) * (mark + 1) + 1


@settings(max_examples=200, deadline=None)
@given(FILLS)
def test_trades_add_up_to_the_account(fills):
    made = portfolio()
    for side, price, size, is_maker, _ in fills:
        made.apply(fill(side, price, size, is_maker=is_maker))
    held = made.position(LINEAR.id)
    if held:
        made.apply(fill(Side.SELL if held > 0 else Side.BUY, 5000, abs(held)))

    assert made.is_flat
    assert sum(trade.net for trade in made.trades) == pytest.approx(made.equity - 10_000, abs=1e-6)


def test_a_fill_that_turns_a_position_around_ends_one_trade_and_begins_another():
    made = portfolio(taker=0.0)

    made.apply(fill(Side.BUY, 10_000, 1000, at_ns=1))
    made.apply(fill(Side.SELL, 10_100, 3000, at_ns=2), "profit")
    made.apply(fill(Side.BUY, 10_000, 2000, at_ns=3), "stop")

    long, short = made.trades
    assert (long.side, long.size, long.gross, long.reason) == (1, 1.0, 1.0, "profit")
    assert (short.side, short.size, short.gross, short.entry_ns, short.exit_ns) == (-1, 2.0, 2.0, 2, 3)
    assert (long.entry_price, long.exit_price, long.net_return) == (100.0, 101.0, 0.01)


def test_maker_and_taker_pay_by_what_happened():
    made = portfolio(taker=0.001, maker=-0.0002)

    made.apply(fill(Side.BUY, 10_000, 1000))
    made.apply(fill(Side.SELL, 10_000, 1000, is_maker=True))

    assert made.accounts[LINEAR.id].fees == money(100.0) // 1000 - money(100.0) * 2 // 10_000
    assert made.trades[0].net == pytest.approx(-0.08)


def test_what_is_long_pays_a_positive_funding_rate_and_what_is_short_receives_it():
    for side, paid in ((Side.BUY, 0.01), (Side.SELL, -0.01)):
        for instrument, price in ((LINEAR, 10_000), (INVERSE, 1000)):
            made = portfolio(instrument, taker=0.0)
            made.apply(fill(side, price, 1000 if instrument is LINEAR else 1, instrument=instrument))
            made.mark(instrument.id, instrument.exact_price(price))
            made.pay_funding(instrument.id, 0.0001)
            assert made.equity == pytest.approx(10_000 - paid, abs=1e-9)


def test_money_is_the_exact_value_of_a_float():
    assert as_float(money(0.1)) == 0.1
    assert money(0.5) * 2 == MONEY


def test_an_instrument_has_one_account():
    with pytest.raises(UsageError, match="named twice"):
        portfolio().add(LINEAR)
