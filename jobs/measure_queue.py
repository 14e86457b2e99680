"""How wrong queue models are: orders that join the best price, by the exact queue and by each model.

Two days of NASDAQ tell order by order (LOBSTER), so where an order stands is known. Orders of 100 shares are placed at
the best price of a random side, one a minute, and cancelled after a minute; as many such days as ``--runs`` times four.

    python jobs/measure_queue.py [--json] [--runs 7] [--data FOLDER]
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from figures import Figure, arguments, report
from numpy.typing import NDArray

from msray.backtest.config import QueueConfig
from msray.backtest.exchange import SimulatedVenue
from msray.feeds.replay import open_replay
from msray.market import ORDER, TRADE, Instrument, OrderKind, Records, ReportKind, Side, concatenate
from msray.prediction import Replayed

FOLDER = "lobster_2012-06-21"
DAYS = {"GOOG": "LOBSTER_SampleFile_GOOG_2012-06-21_10.zip", "AAPL": "LOBSTER_SampleFile_AAPL_2012-06-21_1.zip"}
MODELS = ("fifo", "risk_averse", "power", "logarithm")
SIZE, SECOND = 100, 1_000_000_000
LIFE_NS, EVERY_NS = 60 * SECOND, 61 * SECOND
SEED, DAYS_A_RUN = 20120621, 4


@dataclass(frozen=True)
class Placed:
    """When and where an order was placed, the book's id then, and the seconds to its last fill, NaN if it had none."""

    at_ns: int
    side: Side
    tick: int
    book_id: int
    filled_s: float


def main() -> int:
    """Measure both days."""
    options = arguments(__doc__).parse_args()
    figures = [
        figure
        for symbol, file in DAYS.items()
        for figure in _figures(symbol, *_read(options.data / FOLDER / file), DAYS_A_RUN * options.runs)
    ]
    return report(figures, as_json=options.json)


def _figures(symbol: str, instrument: Instrument, records: Records, days: int) -> Iterator[Figure]:
    placed = {model: _days(instrument, records, model, days) for model in MODELS}
    exact, *guessed = MODELS
    seconds = {model: np.array([one.filled_s for one in placed[model]]) for model in MODELS}
    how = (
        f"{symbol} 2012-06-21 (LOBSTER), {len(placed[exact])} orders of {SIZE} at the best price for 60 s, seed {SEED}"
    )
    share = {model: 100 * float(np.mean(~np.isnan(of))) for model, of in seconds.items()}
    median = {model: float(np.nanmedian(of)) for model, of in seconds.items()}
    for name, of, unit in (("filled", share, "%"), ("median time to the fill", median, "s")):
        beside = {model: of[model] for model in guessed}
        yield Figure(name=f"{symbol}, {name}, exact queue", value=of[exact], unit=unit, how=how, beside=beside)
    for model in guessed:
        is_wrong = np.isnan(seconds[model]) != np.isnan(seconds[exact])
        late_s = (seconds[model] - seconds[exact])[~np.isnan(seconds[model] - seconds[exact])]
        says = f"{symbol}, {model}"
        yield Figure(name=f"{says}: filled or not, and wrong", value=100 * float(is_wrong.mean()), unit="%", how=how)
        yield Figure(name=f"{says}: fills at another time", value=100 * float(np.mean(late_s != 0)), unit="%", how=how)
        yield Figure(name=f"{says}: how late on average", value=float(late_s.mean()), unit="s", how=how)
    open_to_doubt = np.mean([_is_open(records, one) for one in placed[exact]])
    yield Figure(name=f"{symbol}, orders of which not all is told", value=100 * float(open_to_doubt), unit="%", how=how)


def _read(path: Path) -> tuple[Instrument, Records]:
    replay = open_replay([path])
    records = [event.records.copy() for event in replay.events() if isinstance(event, Replayed)]
    return replay.instruments[0], concatenate(records)


def _days(instrument: Instrument, records: Records, model: str, days: int) -> list[Placed]:
    rng = np.random.default_rng(SEED)
    return [one for _ in range(days) for one in _day(instrument, records, model, rng)]


def _day(instrument: Instrument, records: Records, model: str, rng: np.random.Generator) -> Iterator[Placed]:
    """One order after the other, so that none stands in another's way."""
    messages = records.messages
    venue = SimulatedVenue(instrument, QueueConfig.model_validate({"model": model}), stops_at_reports=False)
    venue.feed(records, messages["event_ns"].copy())
    begin_ns, end_ns = int(messages["event_ns"][1]), int(messages["event_ns"][-1])
    book_ids = np.maximum.accumulate(np.where(messages["kind"] == TRADE, 0, messages["last_id"]))
    times = np.arange(begin_ns + int(rng.integers(EVERY_NS)), end_ns - LIFE_NS, EVERY_NS)
    for number, (at_ns, side) in enumerate(zip(times.tolist(), rng.integers(0, 2, len(times)).tolist(), strict=True)):
        venue.advance(at_ns)
        best = venue.book.best()
        tick = best.ask_tick if side else best.bid_tick
        if tick is None:
            continue
        venue.place(at_ns, number, Side(side), OrderKind.POST_ONLY, tick, SIZE)
        venue.cancel(at_ns + LIFE_NS, number)
        told = venue.advance(at_ns + LIFE_NS)
        whole = told[(told["kind"] == ReportKind.FILLED) & (told["left"] == 0)]
        filled_s = (int(whole["at_ns"][0]) - at_ns) / SECOND if len(whole) else np.nan
        last = int(np.searchsorted(messages["event_ns"], at_ns, side="right")) - 1
        yield Placed(at_ns, Side(side), tick, int(book_ids[last]), filled_s)


def _is_open(records: Records, one: Placed) -> bool:
    """Whether, while it rested, an order of its level left or was executed that may stand ahead of it or behind."""
    messages = records.messages
    life_ns = LIFE_NS if np.isnan(one.filled_s) else round(one.filled_s * SECOND)
    part = messages[slice(*np.searchsorted(messages["event_ns"], [one.at_ns + 1, one.at_ns + life_ns]).tolist())]
    part = part[-part["prev_id"] > one.book_id]
    return any(_is_at(records.levels[m["begin"] : m["end"]], one) for m in part)


def _is_at(levels: NDArray[np.void], one: Placed) -> bool:
    return bool(np.any((levels["tick"] == one.tick) & ((levels["flags"] & ORDER) > 0)))


if __name__ == "__main__":
    sys.exit(main())
