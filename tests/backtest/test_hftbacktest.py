"""The same orders on the same recordings, through our simulated venue and through hftbacktest 2.4.4.

``tests/naive/conventions.py`` is both: with no convention of hftbacktest it has every fill of ours, with all of them
every fill of hftbacktest's. So each difference is explained by the conventions between, and none by anything else (the
levels of a message, one by one there and all at once here, make none). An order's fills are the same if times, sizes,
prices and maker flags are; of several levels taken at once hftbacktest tells the last price only.

===============  ======================================================  ==============================================
convention       here                                                    hftbacktest
===============  ======================================================  ==============================================
UNCOVERED        beyond the snapshot's range nothing is known            what is known there counts as all there is
TAKEN_AGAIN      what an order took is gone until the level changes      it is there again for the next order
ALONE            own orders share a trade: by price, then by time        each meets it as if it were the only one
THROUGH_WHOLE    a trade beyond the price fills no more than its size    it fills the whole order
REACHED_WHOLE    the other side's arrival fills what stands there        it fills the whole order
FRACTIONS        a place in the queue is a whole number, at least 0      a fraction, and may be below 0 (power queue)
REST_AT_LIMIT    a limit order's rest rests at its price                 it trades there at once (partial)
SHORT_SWEEP      a market order takes what it needs                      within 100 ticks, the rest expires (partial)
QUEUE_WHOLE      a trade fills what is left of it behind the queue       any of it fills the whole order (whole)
TAKES_WHOLE      an order that takes gets what stands there              all of it at the best price (whole)
===============  ======================================================  ==============================================

*whole* is its NoPartialFillExchange, *partial* its PartialFillExchange. Faults of hftbacktest beside these: the second
breaks a run off when it meets an order again that a trade has filled exactly (its issues 301, 312), and its account has
only the last of several fills of an order, and has it again for each cancel that comes too late (299, 316).
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from book_peers import PINS, PYTHONS, loaded
from chains import chains
from order_peers import Run, hftbacktest
from peers import peer_python
from scripted_orders import (
    AT_NS,
    FILL_ID,
    FILL_NS,
    IS_CANCEL,
    ORDER_ID,
    SIDE,
    Assumed,
    Market,
    Rows,
    Scripted,
    backtest,
    backtest_fills,
    merged,
    scripted,
    venue_fills,
)

from msray.backtest.account import as_float
from msray.backtest.portfolio import PortfolioManager
from msray.book import kernels as k
from msray.market import Fill, OrderKind, Side
from tests.naive.conventions import PARTIAL, WHOLE, Book, There, Venue, play

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

EACH_S = {"usdm BTC 2024": 0.5, "spot BTC 2024": 1.0}
CLOCK_CORRECTION_MS = 1280
LARGEST = {"small": 0.01, "large": 3.0}
"""The largest order, as a fraction of what stands at the touch."""
EXCHANGES = {"whole": WHOLE, "partial": PARTIAL}
QUEUES = {"risk_averse": 0.0, "power": 2.0}
BREAKS_OFF = "partial", "risk_averse"
KEYS = [(exchange, queue) for exchange in EXCHANGES for queue in QUEUES]

COLUMNS = "small whole", "small partial", "large whole", "large partial"
ORDERS = 2670, 2670, 2678, 2678
DIFFERENT = {
    There.UNCOVERED: (66, 66, 46, 58),
    There.TAKEN_AGAIN: (0, 0, 12, 28),
    There.ALONE: (3, 5, 18, 24),
    There.THROUGH_WHOLE: (123, 123, 450, 465),
    There.REACHED_WHOLE: (0, 0, 8, 9),
    There.FRACTIONS: (3, 4, 1, 30),
    There.REST_AT_LIMIT: (0, 0, 0, 174),
    There.SHORT_SWEEP: (0, 0, 0, 82),
    There.QUEUE_WHOLE: (12, 0, 70, 0),
    There.TAKES_WHOLE: (6, 0, 452, 0),
}
"""Orders whose fills differ, by the last convention that it takes; both chains and both queues together."""


@dataclass
class Played:
    """A script on a chain, by exchange and queue; ``ladder``: the slow venue's fills, with ever more conventions."""

    market: Market
    script: Rows
    breaks: list[tuple[int, int]]
    orders: Rows
    ladder: dict[tuple[str, str], list[Rows]]
    theirs: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    broken_off: dict[str, Any] = field(default_factory=dict)

    @property
    def numbers(self) -> list[int]:
        return self.orders[self.orders[:, IS_CANCEL] == 0, ORDER_ID].tolist()


@pytest.fixture(scope="module")
def played(data_dir) -> dict[tuple[str, str], Played]:
    if peer_python("book", PINS, PYTHONS) is None:
        pytest.skip(
            "hftbacktest needs an environment of its own, which could not be made (stderr says why): install Debian's "
            "python3-venv or another Python with ensurepip, and let pip reach an index"
        )
    found = {}
    for chain in chains(data_dir, list(EACH_S)):
        market = Market(chain, CLOCK_CORRECTION_MS)
        for size, largest in LARGEST.items():
            found[chain.name, size] = _slowly(market, scripted(market, 1, each_s=EACH_S[chain.name], largest=largest))
    answers = hftbacktest([run for one in found.values() for run in _runs(one)])
    for one in found.values():
        one.theirs = {key: answers.pop(0) for key in KEYS}
        one.broken_off = answers.pop(0)
    return found


def _runs(one: Played) -> list[Run]:
    given = [(one.orders, *key) for key in KEYS] + [(one.script, *BREAKS_OFF)]
    return [
        Run(market=one.market, orders=orders, exchange=exchange, assumed=Assumed(queue=queue))
        for orders, exchange, queue in given
    ]


def _slowly(market: Market, script: Rows) -> Played:
    """The slow venue's fills; orders for which hftbacktest would break off are left out, to compare the others."""
    book = _book(market)
    breaking = {queue: Venue(book, frozenset(PARTIAL), power) for queue, power in QUEUES.items()}
    _play(market, script, list(breaking.values()))
    left_out = [number for venue in breaking.values() for _, number in venue.breaks]
    orders = script[~np.isin(script[:, ORDER_ID], left_out)]
    book = _book(market)
    steps = {
        (exchange, queue): [(frozenset(there[:n]), QUEUES[queue]) for n in range(len(there) + 1)]
        for exchange, there in EXCHANGES.items()
        for queue in QUEUES
    }
    venues = {step: Venue(book, *step) for ladder in steps.values() for step in ladder}  # one for both exchanges' first
    _play(market, orders, list(venues.values()))
    ladder = {key: [merged(np.array(venues[step].fills)) for step in one] for key, one in steps.items()}
    return Played(market, script, breaking[BREAKS_OFF[1]].breaks, orders, ladder)


def _book(market: Market) -> Book:
    first = loaded(market.chain)
    made = Book(covered=(int(first.arena[k.BID_EDGE]), int(first.arena[k.ASK_EDGE])))
    best = first.best()
    made.best = (best.bid_tick, best.ask_tick)
    for size, tick, flags in first.levels().tolist():
        made.sizes[flags & 1][tick] = size
    return made


def _play(market: Market, script: Rows, venues: list[Venue]) -> None:
    log, tape = market.chain.log, market.tape()
    levels = [(flags & 1, tick, size) for size, tick, flags in log.levels.tolist()]
    best = dict(zip(tape.row_message.tolist(), map(tuple, tape.bests[:, [0, 2]].tolist()), strict=True))
    spans = log.messages[["kind", "begin", "end"]].tolist()
    messages = [
        (at_ns, kind, levels[begin:end], best.get(row))
        for row, (at_ns, (kind, begin, end)) in enumerate(zip(market.exchange_ns.tolist(), spans, strict=True))
    ]
    orders = [
        (at_ns + Assumed().entry_ns, number, *(() if is_cancel else (side, OrderKind(kind), tick, size)))
        for at_ns, number, is_cancel, side, kind, tick, size in script.tolist()
    ]
    play(messages[1:], orders, venues)


def _by_order(fills: Rows, numbers: list[int]) -> dict[int, list[tuple[int, ...]]]:
    found: dict[int, list[tuple[int, ...]]] = {number: [] for number in numbers}
    for fill in fills.tolist():
        found[fill[FILL_ID]].append(tuple(fill))
    return found


def test_with_all_of_its_conventions_the_slow_venue_has_every_fill_of_hftbacktest(played):
    for one in played.values():
        for key, theirs in one.theirs.items():
            assert theirs["code"] == 1  # the end of the recording
            np.testing.assert_array_equal(one.ladder[key][-1], theirs["fills"])


def test_with_none_of_them_it_has_every_fill_of_ours(played):
    for one in played.values():
        for (_, queue), ladder in one.ladder.items():
            np.testing.assert_array_equal(ladder[0], venue_fills(one.market, one.orders, Assumed(queue=queue)))


def test_every_difference_counts_under_a_convention(played):
    orders: Counter[str] = Counter()
    different: dict[There, Counter[str]] = {}
    for (_, size), one in played.items():
        for (exchange, _), ladder in one.ladder.items():
            steps, column = [_by_order(fills, one.numbers) for fills in ladder], f"{size} {exchange}"
            orders[column] += len(one.numbers)
            for number in one.numbers:
                if steps[0][number] != steps[-1][number]:
                    last = max(n for n, step in enumerate(steps) if step[number] != steps[-1][number])
                    different.setdefault(EXCHANGES[exchange][last], Counter())[column] += 1

    assert tuple(orders[column] for column in COLUMNS) == ORDERS
    assert {there: tuple(row[column] for column in COLUMNS) for there, row in different.items()} == DIFFERENT


def test_hftbacktest_breaks_off_where_it_meets_an_order_again_that_was_filled_exactly(played):
    assert any(one.breaks for one in played.values())
    for one in played.values():
        assert (one.broken_off["code"] == 14) == bool(one.breaks)
        if one.breaks:
            assert one.broken_off["fills"][:, FILL_NS].max() <= min(one.breaks)[0]


def test_its_account_is_ours_but_for_fills_that_late_cancels_book_again(played):
    for one in played.values():
        instrument, theirs = one.market.chain.instrument, one.theirs["whole", "risk_averse"]
        is_cancel = one.orders[:, IS_CANCEL] == 1
        sides = dict(one.orders[~is_cancel][:, [ORDER_ID, SIDE]].tolist())
        canceled_ns = dict(one.orders[is_cancel][:, [ORDER_ID, AT_NS]].tolist())
        portfolio = PortfolioManager(0.0, Assumed().taker_fee, Assumed().maker_fee)
        portfolio.add(instrument)
        for number, at_ns, tick, size, is_maker in theirs["fills"].tolist():
            fill = Fill(
                instrument=instrument.id,
                order_id=number,
                side=Side(sides[number]),
                price=instrument.exact_price(tick),
                size=size,
                is_maker=bool(is_maker),
                exchange_ns=at_ns,
                local_ns=at_ns + Assumed().response_ns,
            )
            portfolio.apply(fill)
            if canceled_ns.get(number, 0) >= fill.local_ns:
                portfolio.apply(fill)
        account = portfolio.accounts[instrument.id]
        unit = instrument.exact_price(1) / 10**18 / 10**instrument.size_decimals

        position, balance, fees = theirs["account"].tolist()
        assert account.size == position
        assert as_float(account.gross) == pytest.approx(balance * unit, rel=1e-9)
        assert as_float(account.fees) == pytest.approx(fees * unit, rel=1e-9)


def test_a_whole_backtest_has_the_same_fills_and_learns_of_them_a_latency_later(played):
    one, assumed = played["usdm BTC 2024", "small"], Assumed(queue="power")
    strategy = Scripted(one.market.chain.instrument.id, one.orders)

    result = backtest(one.market, one.market.tape(), strategy, assumed)

    np.testing.assert_array_equal(backtest_fills(result, strategy), venue_fills(one.market, one.orders, assumed))
    assert {fill.local_ns - fill.exchange_ns for fill in result.fills} == {assumed.response_ns}
