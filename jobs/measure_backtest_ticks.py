"""The tick backtest on a walk, on recorded trades and on recorded quotes, beside vectorbt and backtesting.py.

A tick is a price that was there, whether a position looked at it or not; the time is that of the whole call: checks of
the signals, the trades, what they brought. The walk has 10,000,000 prices, 30 ms apart on average, of normal steps of
25 at 1,000,000; its signals are long or short by chance (all seed 1), those of what was recorded by turns. Positions
are held 300 s at most, and the fee is 0.1 %.

The peers see one price, so bid and ask are the same here, and the first ticks of the same walk, as many as they do in
seconds. How far they can be told the same rule: both are given profit target, stop, time limit and the sizes of single
units, leave at the tick that touched, and neither takes a signal at the tick of an exit. vectorbt leaves at the first
tick after the time is over, not at the price in force then. Trades of the same ticks are counted for all of them.

    python jobs/measure_backtest_ticks.py [--json] [--runs 7] [--data FOLDER]
"""

import io
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from book_peers import quotes
from chains import chains
from figures import Figure, arguments, median_seconds, report
from numpy.typing import NDArray
from peers import peer_python

from msray.backtest import BacktestConfig, TickBacktest, backtest_ticks
from msray.labels import Prices

PINS = ("vectorbt[rust]==1.2.0", "backtesting==0.6.6", "numpy==2.4.6", "pandas==3.1.1", "numba==0.68.1")
PROGRAM = Path(__file__).with_name("tick_peers.py")
SEED, TICKS = 1, 10_000_000
GOAL = 100.0
SIGNALS = {"a signal each tick": 1, "a signal in 10 ticks": 10, "a signal in 10,000 ticks": 10_000}
NEAR, FAR = 2e-4, 5e-3
SEEN_BY = {"vectorbt": 1_000_000, "backtesting.py": 100_000}
"""Ticks of the walk that a peer is given."""
RECORDED = ("usdm BTC 2024", "spot NEXO")
TRADES = "crash_2025-10-10_binance_vision/BTCUSDC-aggTrades-2025-10-08.zip"
MANY = 100_000
"""Of fewer ticks the call itself takes most of the time, so that there is no goal."""


def main() -> int:
    """Measure the walk, and the chains that are there."""
    options = arguments(__doc__).parse_args()
    figures = [*_walks(options.runs), *_recorded(options.data, options.runs)]
    return report(figures, as_json=options.json)


def _walks(runs: int) -> Iterator[Figure]:
    rng = np.random.default_rng(SEED)
    price = np.round(1e6 + rng.normal(scale=25.0, size=TICKS).cumsum())
    prices = Prices.of_quotes(rng.integers(1, 60_000_000, TICKS).cumsum(), price, price)
    side = rng.choice(np.array([1, -1], np.int8), TICKS)
    for often, every in SIGNALS.items():
        for name, width in (("near barriers", NEAR), ("default barriers", FAR)):
            config = _config(width)
            found = {peer: _beside(peer, prices, side, every, config) for peer in SEEN_BY} if every > 1 else {}
            yield _figure(f"walk, {often}, {name}", prices, side, every, config, runs, found)


def _recorded(data: Path, runs: int) -> Iterator[Figure]:
    found = {chain.name: quotes(chain) for chain in chains(data, list(RECORDED))}
    if (data / TRADES).exists():
        found["trades of BTCUSDC"] = _trades(data / TRADES)
    for name, prices in found.items():
        side = np.where(np.arange(len(prices)) // 10 % 2, 1, -1).astype(np.int8)
        for width in (NEAR, FAR):
            title = f"{name}, a signal in 10 ticks, barriers of {width:.2%}"
            yield _figure(title, prices, side, 10, _config(width), runs, {})
    if not found:
        sys.stderr.write(f"no recordings in {data}: set MSRAY_DATA\n")


def _trades(path: Path) -> Prices:
    """The trades of a day, from the file that the venue publishes: price and time, microseconds, in columns 1 and 5."""
    with zipfile.ZipFile(path) as archive:
        text = archive.read(archive.namelist()[0]).decode()
    price, at_us = np.loadtxt(io.StringIO(text), delimiter=",", usecols=(1, 5), unpack=True)
    return Prices.of_quotes(at_us.astype(np.int64) * 1000, price, price)


def _config(width: float) -> BacktestConfig:
    return BacktestConfig(profit_target_pct=width, stop_loss_pct=width, slippage_bps=0.0)


def _figure(
    name: str,
    prices: Prices,
    side: NDArray[np.int8],
    every: int,
    config: BacktestConfig,
    runs: int,
    found: dict[str, tuple[float, str]],
) -> Figure:
    at_ns, sides = prices.at_ns[::every], side[::every].copy()
    trades = backtest_ticks(prices, at_ns, sides, config)
    seconds = median_seconds(lambda _: backtest_ticks(prices, at_ns, sides, config), lambda: None, runs)
    held = float((trades.exit_ns - trades.entry_ns).sum()) / float(prices.at_ns[-1] - prices.at_ns[0])
    return Figure(
        name=name,
        value=len(prices) / seconds / 1e6,
        unit="M ticks/s",
        op=">=",
        goal=GOAL if len(prices) >= MANY else None,
        beside={peer: rate for peer, (rate, _) in found.items()},
        how=f"{len(prices)} ticks, {len(at_ns)} signals, {len(trades)} trades, in a position {held:.0%} of the time, "
        f"{seconds * 1e3:.2f} ms; median of {runs}, CPU"
        + "".join(f"; {peer}: {how}" for peer, (_, how) in found.items()),
    )


def _beside(peer: str, prices: Prices, side: NDArray[np.int8], every: int, config: BacktestConfig) -> tuple[float, str]:
    """Millions of ticks a second of a peer, and what it found beside what we do on the same ticks; 0 without it."""
    python = peer_python("tick", PINS)
    if python is None:
        return 0.0, "not installed"
    ticks = SEEN_BY[peer]
    at_ns, price = prices.at_ns[:ticks], prices.mid[:ticks]
    ours = backtest_ticks(Prices.of_quotes(at_ns, price, price), at_ns[::every], side[:ticks:every].copy(), config)
    signals = np.zeros(ticks, np.int8)
    signals[::every] = side[:ticks:every]
    exits = (config.profit_target_pct, config.stop_loss_pct, config.max_holding_seconds, config.fee_rate)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "market.npz"
        np.savez(path, at_ns=at_ns, price=price, side=signals)
        command = [str(python), "-I", str(PROGRAM), peer, str(path), *map(str, exits), "3"]
        said = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    how = (
        f"the first {ticks} ticks, {said['trades']} trades of {said['mean_return']:+.5%} (ours {len(ours)} of "
        f"{_mean_return(ours):+.5%}), median of 3"
    )
    return ticks / said["seconds"] / 1e6, how


def _mean_return(found: TickBacktest) -> float:
    return float((found.net / (found.size * found.entry_price)).mean())


if __name__ == "__main__":
    sys.exit(main())
