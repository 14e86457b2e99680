"""What the maker does on markets made by hand."""

import math

import pytest
from pydantic import ValidationError

from msray.backtest.config import SECOND, LatencyConfig, MarketMakerConfig, RiskConfig
from msray.backtest.engine import BacktestingEngine
from msray.errors import UsageError
from msray.market import Side
from tests.backtest.made import INSTRUMENT, bought, depth, gap, records, regrid, snapshot, sold, tape
from tests.backtest.watched import FREE, LEARNING, MS, STILL, Watched, run

X = INSTRUMENT.id


def market(*later, until_s=4.0):
    """99 / 101, and later; a row at the end so that time goes on."""
    last = depth(round(until_s * SECOND), (0, 90, 1))
    return tape(records(snapshot(0, {99: 5, 98: 5}, {101: 5, 102: 5}), depth(MS, (0, 97, 1)), *later, last))


def test_quotes_stand_as_far_from_the_mid_as_they_should_and_nothing_is_sent_while_their_ticks_stay():
    maker, result = run(market())

    assert maker.sent == [
        (1001, "place", 1, "BUY", 2, "POST_ONLY", 98),
        (1001, "place", 2, "SELL", 2, "POST_ONLY", 102),
    ]
    assert result.answers == {"resting": 2}
    quoted = maker.quoted(X)
    assert (quoted.placed, quoted.moved) == (2, 0)
    assert (quoted.looks, quoted.both) == (40, 29)


def test_a_mid_that_moves_takes_both_quotes_with_it():
    maker, _ = run(market(depth(1500 * MS, (1, 101, 0), (1, 102, 0), (1, 103, 5))))

    assert maker.sent[2:] == [(1501, "replace", 1, 99, 2, None), (1501, "replace", 2, 103, 2, None)]


@pytest.mark.parametrize("side", Side)
def test_what_is_held_moves_both_quotes_against_it_but_never_through_the_market(side):
    """One order held: the middle of both quotes is gamma sigma^2 horizon farther from where it was traded."""
    moves = [depth(k * 100 * MS, (1, 101, 5 * (k % 2)), (1, 103, 5)) for k in range(1, 31)]
    trade = sold(3050 * MS, 80, 2) if side is Side.BUY else bought(3050 * MS, 120, 2)
    maker, result = run(market(*moves, trade, until_s=3.15), STILL.model_copy(update={"gamma": 6.0}))

    assert [(fill.side, fill.size) for fill in result.fills] == [(side, 2)]
    book = maker._books[X]
    skew = 6.0 * book.recent.volatility_ticks**2
    assert skew > 4
    assert maker.sent[-1][0] == 3101
    middle, half = book.mid - side.sign * skew, (skew + 2 / 6 * math.log1p(6 / 1000)) / 2
    bid, ask = book.orders[Side.BUY].price, book.orders[Side.SELL].price
    assert bid == (math.floor(middle - half) if side is Side.BUY else 2 * book.mid - 99 - 1)
    assert ask == (math.ceil(middle + half) if side is Side.SELL else 99 + 1)


def test_a_side_that_would_exceed_the_limit_is_left_out_until_there_is_room():
    """Two buys of 2 fill: no third; after a sell there is one again."""
    path = market(
        sold(1500 * MS, 97, 100),
        sold(2000 * MS, 97, 100),
        sold(2500 * MS, 97, 100),
        bought(3000 * MS, 103, 100),
    )
    maker, result = run(path)

    assert [(fill.side, fill.size) for fill in result.fills] == [(Side.BUY, 2), (Side.BUY, 2), (Side.SELL, 2)]
    buys = [line[0] for line in maker.sent if line[1] == "place" and line[3] == "BUY"]
    assert buys == [1001, 1501, 3001]


def test_a_refused_post_only_order_is_placed_anew_at_the_next_look():
    """The bid of 98 arrives when the ask is at 97; we learn of it too late."""
    config = FREE.model_copy(update={"latency": LatencyConfig(entry_ms=30, response_ms=30)})
    path = market(
        depth(1020 * MS, (0, 99, 0), (0, 98, 0), (1, 97, 5), (0, 96, 5)),
        depth(1070 * MS, (0, 99, 5), (1, 97, 0)),
    )
    maker, result = run(path, words=config)

    assert result.answers == {"resting": 2, "refused_would_take": 1}
    assert [line[:4] for line in maker.sent if line[3] == "BUY"] == [
        (1001, "place", 1, "BUY"),
        (1101, "place", 3, "BUY"),
    ]


def test_orders_lost_at_a_gap_come_back_with_the_book_and_none_is_sent_before():
    """And how far the mid moved meanwhile is no volatility: nobody saw it move."""
    path = market(gap(1500 * MS), snapshot(2500 * MS, {109: 5}, {111: 5}), depth(2850 * MS, (0, 98, 1)))
    maker, result = run(path)

    assert result.answers == {"resting": 4, "lost": 2}
    assert [line[0] for line in maker.sent] == [1001, 1001, 2901, 2901]
    assert maker._books[X].recent.volatility_ticks == 0


def test_a_replacement_that_comes_after_the_fill_leaves_one_order():
    """The bid trades while its replacement is on its way: the venue knows no such order, and a new one is placed."""
    config = FREE.model_copy(update={"latency": LatencyConfig(entry_ms=30, response_ms=30)})
    path = market(
        depth(1400 * MS, (1, 101, 0), (1, 102, 0), (1, 103, 5)),
        sold(1410 * MS, 97, 100),
    )
    maker, result = run(path, words=config)

    assert result.answers["refused_unknown_order"] == 1
    assert [line[:4] for line in maker.sent if line[3] == "BUY" or line[2] == 1] == [
        (1001, "place", 1, "BUY"),
        (1401, "replace", 1, 99),
        (1501, "place", 3, "BUY"),
    ]


FALLING = depth(2000 * MS, *((0, t, 0) for t in (97, 98, 99)), (0, 50, 9), (1, 101, 0), (1, 102, 0), (1, 52, 9))


@pytest.mark.parametrize("response_ms", [0, 250])
def test_a_halt_takes_both_quotes_out_and_then_closes_what_is_held(response_ms):
    """Bought twice at 9.8; the market falls to 5, more than is allowed: no quotes, and what is held sold at the bid."""
    words = FREE.model_copy(
        update={
            "risk": RiskConfig(max_daily_loss_pct=0.00005, max_drawdown_pct=1.0),
            "latency": LatencyConfig(entry_ms=0, response_ms=response_ms),
        }
    )
    maker, result = run(market(sold(1500 * MS, 97, 100), FALLING), words=words)

    assert result.halted is not None
    assert [(fill.side, fill.size, fill.is_maker) for fill in result.fills] == [
        (Side.BUY, 2, True),
        (Side.BUY, 2, True),
        (Side.SELL, 4, False),
    ]
    assert [trade.reason for trade in result.trades] == ["halt"]
    assert maker.desk._orders == {}
    last = [line[1] for line in maker.sent][-3:]
    assert last[-1] == "place"
    assert "cancel" in last


def _halted_by_hand(path, at_ms):
    maker = Watched(STILL)
    engine = BacktestingEngine(FREE, maker)
    engine.trade([INSTRUMENT])
    engine.feed(path)
    engine.go_to(at_ms * MS)
    maker.on_halt(engine.desk)
    return maker, engine.finish()


def test_an_exit_that_finds_too_little_is_tried_again_at_each_look():
    path = market(
        sold(1500 * MS, 97, 100),
        depth(1700 * MS, (0, 99, 0), (0, 98, 0), (0, 97, 0)),
        depth(2250 * MS, (0, 99, 1)),
        depth(2450 * MS, (0, 99, 4)),
    )
    maker, result = _halted_by_hand(path, 2000)

    assert result.answers["expired"] == 6
    assert [(fill.side, fill.size) for fill in result.fills] == [(Side.BUY, 2), (Side.SELL, 1), (Side.SELL, 1)]
    assert max(line[0] for line in maker.sent) == 2501


def test_an_exit_waits_until_the_book_is_known():
    path = market(
        sold(1500 * MS, 97, 100), gap(1700 * MS), snapshot(2250 * MS, {99: 5}, {101: 5}), depth(2450 * MS, (0, 98, 1))
    )
    maker, result = _halted_by_hand(path, 2000)

    assert result.answers == {"resting": 3, "filled": 2, "lost": 2}
    assert maker.sent[-1][:5] == (2501, "place", 4, "SELL", 2)


def test_limits_of_risk_are_heeded_and_a_move_that_is_refused_takes_the_quote_out():
    risk = RiskConfig(max_orders_per_s=2)
    moves = [depth((1400 + 100 * k) * MS, (1, 101 + k, 0), (1, 102 + k, 0), (1, 103 + k, 5)) for k in range(3)]
    maker, result = run(market(*moves), words=FREE.model_copy(update={"risk": risk}))

    assert result.refusals["max_orders_per_s"] > 0
    assert any(line[1] == "cancel" for line in maker.sent)
    assert len(maker.desk._orders) == 2


def test_an_own_bid_waits_until_the_own_ask_is_out_of_its_way():
    """The ask moves to 103, its answer takes 0.6 s; meanwhile the bid should go to 103: it follows the ask."""
    words = FREE.model_copy(update={"latency": LatencyConfig(entry_ms=300, response_ms=300)})
    path = market(
        depth(1650 * MS, (1, 101, 0)),
        depth(1750 * MS, (1, 102, 0), (1, 109, 5), (0, 101, 5)),
    )
    maker, _ = run(path, words=words)

    assert [line[:4] for line in maker.sent[2:5]] == [
        (1701, "replace", 2, 103),
        (2301, "replace", 2, 107),
        (2301, "replace", 1, 103),
    ]


def test_ticks_are_those_of_the_venue_whatever_the_grid():
    path = market(regrid(1500 * MS, 10, 2), depth(1600 * MS, (1, 1010, 0), (1, 1020, 0), (1, 1030, 5)))
    maker, result = run(path)

    assert maker.sent[2:] == [(1601, "replace", 1, 990, 2, None), (1601, "replace", 2, 1030, 2, None)]
    assert result.answers == {"resting": 4}


def test_a_size_that_is_worth_less_than_one_unit_is_refused_by_name():
    for words, name in (({"order_size": 0.2}, "order_size"), ({"order_size": None}, "order_value_pct")):
        config = STILL.model_copy(update={"order_value_pct": 1e-6, **words})
        with pytest.raises(UsageError, match=f"^{name} must come to 1 of test:X or more"):
            run(market(), config)


def test_an_instrument_that_is_not_there_has_not_been_quoted():
    maker, _ = run(market())

    with pytest.raises(UsageError, match="unknown instrument 'test:Z'"):
        maker.quoted("test:Z")


def test_half_an_intensity_is_refused():
    with pytest.raises(ValidationError, match="arrivals_per_s and decay_per_tick must be given together"):
        MarketMakerConfig(arrivals_per_s=1.0)


def test_without_trades_to_learn_from_nothing_is_quoted():
    maker, _ = run(market(), LEARNING)

    assert maker.sent == []
