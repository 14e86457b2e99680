"""The backtest of orders on recorded books, beside hftbacktest: the same recording, latency, queue and orders.

Orders of every kind come twice a second, and once in ten (on a quiet chain never more than one for a hundred events);
those that rest are cancelled after 0.3 to 100 s. The queue model is the power model, the latency 5 ms each way. An
event is a change of a level or a trade. Times are CPU times; making a replay, reading and compiling are not counted.

=============  =========================================================================================================
venue          ``SimulatedVenue``: Python hands it each order with its time of arrival, one call plays the recording;
               position, cash and fees from its fills
backtest       all of ``BacktestingEngine``: a strategy in Python, woken for each order and answer, exact accounts and
               limits, the account valued each second, and the second book, whose best prices the strategy is shown
compiled       the same, the strategy being a function compiled by numba: a ``CompiledStrategy``
ROIVector,     hftbacktest: a compiled loop that wakes for each order, NoPartialFillExchange (the other one breaks off);
HashMap        the exchange's book and the local one, or *one book*, without the local one: what the venue alone does
=============  =========================================================================================================

    python jobs/measure_backtest.py [--json] [--runs 7] [--data FOLDER]
"""

import statistics
import sys
from collections.abc import Iterator

import numpy as np
from chains import Chain, chains, level_count
from figures import Figure, arguments, median_seconds, report
from order_peers import Run, hftbacktest
from scripted_orders import (
    Assumed,
    CompiledScript,
    Market,
    Rows,
    Scripted,
    backtest,
    backtest_fills,
    new_venue,
    play,
    scripted,
    venue_fills,
)

from msray.backtest.exchange import Reports, SimulatedVenue
from msray.market import ReportKind

ASSUMED = Assumed(queue="power")
OFTEN = {"an order in 0.5 s": 0.5, "an order in 10 s": 10.0}
EVENTS_AN_ORDER = 100
PEERS = {"ROIVector": ("roi", 2), "HashMap": ("hashmap", 2), "ROIVector, one book": ("roi", 1)}
GOAL = 2.0


def main() -> int:
    """Measure every chain that is there."""
    options = arguments(__doc__).parse_args()
    figures = [figure for chain in chains(options.data) for figure in _chain(chain, options.runs)]
    if not figures:
        sys.stderr.write(f"no recordings in {options.data}: set MSRAY_DATA\n")
    return report(figures, as_json=options.json)


def _chain(chain: Chain, runs: int) -> Iterator[Figure]:
    market, events = Market(chain), level_count(chain.log) - level_count(chain.snapshot)
    least_s = int(market.known_ns[-1] - market.known_ns[0]) / 1e9 / events * EVENTS_AN_ORDER
    for often, each_s in OFTEN.items():
        if each_s >= least_s:
            yield from _beside(market, events, scripted(market, 1, each_s=each_s), often, runs)
    if each_s < least_s:
        yield from _beside(market, events, scripted(market, 1, each_s=least_s), "an order in 100 events", runs)


def _beside(market: Market, events: int, orders: Rows, often: str, runs: int) -> Iterator[Figure]:
    """Ours and the peer's on one script."""
    _check(market, orders)
    how = f"{events} events, {len(orders)} orders and cancels, median of {runs}, CPU"
    peers = {name: events / spent / 1e6 for name, spent in _peers(market, orders, runs).items()}

    def venue(made: SimulatedVenue) -> None:
        _account(play(made, market, orders, ASSUMED))

    def whole(strategy: Scripted | CompiledScript) -> None:
        backtest(market, market.tape(), strategy, ASSUMED)

    spent = {
        "venue": median_seconds(venue, lambda: new_venue(market, ASSUMED), runs),
        "backtest": median_seconds(whole, lambda: Scripted(market.chain.instrument.id, orders), runs),
        "compiled": median_seconds(whole, lambda: CompiledScript(orders), runs),
    }
    for what, seconds in spent.items():
        name, rate = f"{market.chain.name}, {often}: {what}", events / seconds / 1e6
        yield Figure(name=name, value=rate, unit="M events/s", op=">=", beside=peers, how=how)
        if peers:
            ratio = rate / peers["ROIVector"]
            yield Figure(name=f"{name} over ROIVector", value=ratio, unit="x", op=">=", goal=GOAL, how=how)


def _peers(market: Market, orders: Rows, runs: int) -> dict[str, float]:
    """Seconds of hftbacktest by what it was given."""
    answers = hftbacktest(
        [
            Run(market=market, orders=orders, assumed=ASSUMED, exchange="whole", depth=depth, books=books, timed=runs)
            for depth, books in PEERS.values()
        ]
    )
    return {name: statistics.median(answer["seconds"]) for name, answer in zip(PEERS, answers, strict=False)}


def _check(market: Market, orders: Rows) -> None:
    """The venue alone and both backtests have the same fills, both backtests the same values of the account."""
    values = []
    for strategy in (Scripted(market.chain.instrument.id, orders), CompiledScript(orders)):
        result = backtest(market, market.tape(), strategy, ASSUMED)
        values.append(result.equity)
        if not np.array_equal(backtest_fills(result, strategy), venue_fills(market, orders, ASSUMED)):
            raise SystemExit(f"{market.chain.name}: the backtest has other fills than the venue")
    if values[0] != values[1]:
        raise SystemExit(f"{market.chain.name}: the compiled strategy's account has other values")


def _account(reports: Reports) -> tuple[float, float, float]:
    """Position, cash and fees, in ticks and units."""
    fills = reports[reports["kind"] == ReportKind.FILLED]
    size, tick = fills["size"] * (1.0 - 2.0 * fills["side"]), fills["tick"].astype(float)
    rates = np.where(fills["is_maker"], ASSUMED.maker_fee, ASSUMED.taker_fee)
    return float(size.sum()), -float(tick @ size), float((rates * tick) @ abs(size))


if __name__ == "__main__":
    sys.exit(main())
