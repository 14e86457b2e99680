"""Labels and their weights on walks and on recorded quotes, beside what one writes in numpy.

Whatever numpy says of its sample is compared with ours in the same run.

    python jobs/measure_labels.py [--json] [--runs 7] [--data FOLDER]

A tick is a quote between the entry of a position and its end, looked at or passed over with its block; the time is that
of the whole call: entries, horizons, blocks, the scan, returns. The walk has 4,000,000 quotes, 30 ms apart on average,
and a mid of normal steps of 25 ticks at 1,000,000 (seed 1); an event every 40 quotes is long or short by chance.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from book_peers import quotes
from chains import chains
from figures import Figure, arguments, median_seconds, report
from numpy.typing import NDArray

from msray.labels import (
    Barriers,
    Prices,
    TripleBarrierLabels,
    concurrency,
    next_mean_over_last_mean,
    return_weights,
    sequential_bootstrap,
    triple_barrier,
    uniqueness,
    volatility_target,
)

SEED, QUOTES, EVERY = 1, 4_000_000, 40
NEAR = Barriers(profit_target_pct=2e-4, stop_loss_pct=2e-4)
FAR = Barriers()
RECORDED = {
    "usdm BTC 2024": Barriers(profit_target_pct=2e-4, stop_loss_pct=2e-4, max_holding_s=60.0),
    "spot NEXO": Barriers(profit_target_pct=1e-3, stop_loss_pct=1e-3, max_holding_s=3600.0),
}
"""Chains, and barriers that are near for their spread."""
SAMPLE = 2_000
"""Events that numpy labels."""
MATRIX = 1_000
"""Labels of which numpy makes a matrix of pieces and labels."""
Events = tuple[NDArray[np.int64], NDArray[np.int64]]


def main() -> int:
    """Measure walks, and the chains that are there."""
    options = arguments(__doc__).parse_args()
    prices, events = _walk()
    labels = triple_barrier(prices, *events, barriers=FAR)
    figures = [
        _barriers("walk, near barriers", prices, events, NEAR, options.runs),
        _barriers("walk, default barriers", prices, events, FAR, options.runs),
        *_recorded(options.data, options.runs),
        *_rest(prices, events, options.runs),
        *_weights(labels, prices, options.runs),
    ]
    return report(figures, as_json=options.json)


def _walk() -> tuple[Prices, Events]:
    rng = np.random.default_rng(SEED)
    mid = np.round(1e6 + rng.normal(scale=25.0, size=QUOTES).cumsum())
    prices = Prices.of_quotes(rng.integers(1, 60_000_000, QUOTES).cumsum(), mid - 1.0, mid + 1.0)
    at_ns = prices.at_ns[: -QUOTES // 200 : EVERY]
    return prices, (at_ns, rng.choice([1, -1], len(at_ns)))


def _recorded(data: Path, runs: int) -> Iterator[Figure]:
    names = []
    for chain in chains(data, list(RECORDED)):
        names.append(chain.name)
        prices = quotes(chain)
        events = prices.at_ns, np.where(np.arange(len(prices)) % 2, 1, -1)
        yield _barriers(f"{chain.name}, near barriers", prices, events, RECORDED[chain.name], runs)
        yield _barriers(f"{chain.name}, default barriers", prices, events, FAR, runs)
    if not names:
        sys.stderr.write(f"no recordings in {data}: set MSRAY_DATA\n")


def _barriers(name: str, prices: Prices, events: Events, barriers: Barriers, runs: int) -> Figure:
    labels = triple_barrier(prices, *events, barriers=barriers)
    seconds = median_seconds(lambda _: triple_barrier(prices, *events, barriers=barriers), lambda: None, runs)
    few = tuple(column[labels.event[:: max(len(labels) // SAMPLE, 1)]] for column in events)
    slow = median_seconds(lambda _: _by_numpy(prices, few, barriers), lambda: None, 1)
    sample = triple_barrier(prices, *few, barriers=barriers)
    if sample.gross_return.tolist() != _by_numpy(prices, few, barriers):
        raise SystemExit(f"{name}: numpy finds other returns")
    ticks = _ticks(prices, labels)
    return Figure(
        name=name,
        value=ticks / seconds / 1e6,
        unit="M ticks/s",
        op=">=",
        goal=100.0,
        beside={"numpy": _ticks(prices, sample) / slow / 1e6},
        how=f"{len(prices)} quotes, {len(labels)} labels of {ticks / len(labels):.0f} ticks, "
        f"{seconds / len(labels) * 1e9:.0f} ns a label, {labels.dropped.total} dropped, "
        f"{np.mean(labels.barrier == 0):.0%} by time; median of {runs}, CPU; beside: a slice a label, {len(sample)}",
    )


def _by_numpy(prices: Prices, events: tuple[NDArray[np.int64], ...], barriers: Barriers) -> list[float]:
    """Gross returns, a slice of quotes for each event."""
    out = []
    for at_ns, side in zip(*events, strict=True):
        path, opening = (prices.bid.close, prices.ask.close)[::side]
        begin, end = np.searchsorted(prices.at_ns, [at_ns, at_ns + int(barriers.max_holding_s * 1e9)], side="right")
        entry = opening[begin - 1]
        gains = side * (path[begin - 1 : end] - entry) / entry
        touched = (gains[1:] >= barriers.profit_target_pct) | (gains[1:] <= -barriers.stop_loss_pct)
        out.append(float(gains[1 + touched.argmax()] if touched.any() else gains[-1]))
    return out


def _ticks(prices: Prices, labels: TripleBarrierLabels) -> int:
    begin, end = (np.searchsorted(prices.at_ns, column, side="right") for column in labels.spans.T)
    return int((end - begin).sum())


def _rest(prices: Prices, events: Events, runs: int) -> Iterator[Figure]:
    """What is done to all quotes: making prices of them, volatility, fixed horizons."""
    at_ns, bid, ask = prices.at_ns, prices.bid.close, prices.ask.close
    ticks, floats = (bid + ask).astype(np.int64), prices.mid * 0.01
    works = {
        "prices of quotes": lambda _: Prices.of_quotes(at_ns, bid, ask),
        "volatility at 99,500 events": lambda _: volatility_target(prices, events[0], half_life_s=600.0),
        "mean over mean of 100, mids in ticks": lambda _: next_mean_over_last_mean(ticks, 100, threshold_pct=1e-5),
        "mean over mean of 100, mids as floats": lambda _: next_mean_over_last_mean(floats, 100, threshold_pct=1e-5),
    }
    for name, work in works.items():
        seconds = median_seconds(work, lambda: None, runs)
        yield Figure(name=name, value=seconds / QUOTES * 1e9, unit="ns a quote", how=f"the walk; median of {runs}, CPU")


def _weights(labels: TripleBarrierLabels, prices: Prices, runs: int) -> Iterator[Figure]:
    """Weights of the walk's labels with default barriers."""
    spans, few = labels.spans, labels.spans[:MATRIX]
    live = f"{len(spans)} labels of the walk, {concurrency(spans, spans[:, 0]).mean():.0f} live at a time"
    seconds = median_seconds(lambda _: uniqueness(spans), lambda: None, runs)
    slow = median_seconds(lambda _: _matrix_uniqueness(few), lambda: None, 1)
    if not np.allclose(uniqueness(few), _matrix_uniqueness(few), rtol=1e-9, atol=0.0):
        raise SystemExit("numpy finds other uniquenesses")
    yield Figure(
        name="uniqueness",
        value=len(spans) / seconds,
        unit="labels/s",
        op=">=",
        how=f"{live}; median of {runs}, CPU; beside: a matrix of the first {MATRIX}",
        beside={"numpy": MATRIX / slow},
    )
    seconds = median_seconds(lambda _: return_weights(spans, prices.at_ns, prices.mid), lambda: None, runs)
    how = f"{live}, {len(prices)} mids; median of {runs}, CPU"
    yield Figure(name="return weights", value=len(spans) / seconds, unit="labels/s", op=">=", how=how)
    slow = median_seconds(lambda rng: _matrix_bootstrap(few, rng), _rng, 1)
    if sequential_bootstrap(few, MATRIX, _rng()).tolist() != _matrix_bootstrap(few, _rng()):
        raise SystemExit("numpy draws other labels")
    yield _bootstrap(few, {"numpy": MATRIX / slow})
    yield _bootstrap(spans[:10_000], {})


def _bootstrap(spans: NDArray[np.int64], beside: dict[str, float]) -> Figure:
    seconds = median_seconds(lambda rng: sequential_bootstrap(spans, len(spans), rng), _rng, 3)
    return Figure(
        name=f"sequential bootstrap of {len(spans)} labels",
        value=len(spans) / seconds,
        unit="draws/s",
        op=">=",
        how=f"as many draws of the first labels of the walk, {seconds:.3f} s in all; median of 3, CPU, seed {SEED}",
        beside=beside,
    )


def _rng() -> np.random.Generator:
    return np.random.default_rng(SEED)


def _matrix(spans: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Length of each piece of time, and whether each label lives in it."""
    cuts = np.unique(np.concatenate([spans[:, 0], spans[:, 1] + 1]))
    lives = (spans[:, :1] <= cuts[:-1]) & (cuts[:-1] <= spans[:, 1:])
    return np.diff(cuts).astype(np.float64), lives.astype(np.float64)


def _matrix_uniqueness(spans: NDArray[np.int64]) -> NDArray[np.float64]:
    lengths, lives = _matrix(spans)
    return (lives @ (lengths / np.maximum(lives.sum(axis=0), 1.0))) / (lives @ lengths)


def _matrix_bootstrap(spans: NDArray[np.int64], rng: np.random.Generator) -> list[int]:
    lengths, lives = _matrix(spans)
    totals, count = lives @ lengths, np.ones(len(lengths))
    drawn = []
    for x in rng.random(len(spans)):
        running = ((lives @ (lengths / count)) / totals).cumsum()
        drawn.append(int(np.searchsorted(running, x * running[-1], side="right")))
        count += lives[drawn[-1]]
    return drawn


if __name__ == "__main__":
    raise SystemExit(main())
