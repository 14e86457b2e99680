"""Figures of the market maker: what a look at the market costs, beside a strategy that only wakes as often.

``python jobs/measure_market_maker.py [--json] [--runs N] [--data FOLDER]``
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from figures import Figure, arguments, median_seconds, report

from msray.backtest.config import MS, SECOND, BacktestConfig, MarketMakerConfig
from msray.backtest.engine import BacktestingEngine
from msray.backtest.market_maker import MarketMaker
from msray.backtest.strategy import Desk, Strategy
from msray.backtest.tape import Tape, TapeRecorder
from msray.feeds.replay import drive, open_replay
from msray.market import MAX_TICK, Side
from msray.prediction import DetectionConfig, Pipeline

RECORDING = "binance_2024-08-08_multi_venue/usdm/btcusdt_20240808.gz"
WORDS = BacktestConfig(initial_capital=1e6, clock_correction_ms=1300.0, maker_fee_rate=0.0)
INTERVAL_MS = 100.0
LOOKS_A_DAY = round(86_400 * SECOND / (INTERVAL_MS * MS))


class Sleeper(Strategy):
    """Wakes as often as the maker does from the first quote on, and does nothing."""

    def on_start(self, desk: Desk) -> None:
        """Wait for the first quote."""
        (instrument,) = desk.instruments
        any_price = instrument.exact_price(MAX_TICK)
        desk.watch(instrument.id, Side.BUY, any_price, any_price, 0)

    def on_touch(self, token: int, desk: Desk) -> None:
        """The first quote."""
        self.on_time(token, desk)

    def on_time(self, token: int, desk: Desk) -> None:
        """Wake again."""
        desk.wake_at(desk.now_ns + round(INTERVAL_MS * MS), token)


def cost(data: Path, runs: int) -> Iterator[Figure]:
    """CPU time of a backtest for each look at the market, whatever else happens between two."""
    tape = _tape(data)

    def seconds(make: Callable[[], Strategy]) -> float:
        return median_seconds(lambda engine: engine.run([tape]), lambda: BacktestingEngine(WORDS, make()), runs)

    asleep = seconds(Sleeper)
    for model in ("glft", "avellaneda_stoikov"):
        words = MarketMakerConfig(model=model, interval_ms=INTERVAL_MS, gamma=0.001)
        maker = MarketMaker(words)
        result = BacktestingEngine(WORDS, maker).run([tape])
        quoted = maker.quoted(tape.instrument.id)
        each = seconds(lambda words=words: MarketMaker(words)) / quoted.looks
        how = (
            f"{RECORDING}, {quoted.looks} looks, {quoted.placed} orders placed, {quoted.moved} moves, "
            f"{len(result.fills)} fills; median of {runs} runs, CPU time"
        )
        beside = {"waking alone": asleep / quoted.looks * 1e6}
        yield Figure(name=f"{model}, a look", value=each * 1e6, unit="us", how=how, goal=150.0, beside=beside)
        yield Figure(name=f"{model}, a day of looks", value=each * LOOKS_A_DAY / 60, unit="minutes", how=how, goal=3.0)


def main() -> int:
    """Print the figures."""
    options = arguments(__doc__).parse_args()
    return report([*cost(options.data, options.runs)], as_json=options.json)


def _tape(data: Path) -> Tape:
    replay = open_replay([data / RECORDING])
    (instrument,) = replay.instruments
    recorder = TapeRecorder(instrument)
    drive(
        replay, Pipeline([instrument], DetectionConfig(), sink=lambda _: recorder.rows, log=lambda _: recorder.folded)
    )
    return recorder.take()


if __name__ == "__main__":
    sys.exit(main())
