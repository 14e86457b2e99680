"""Figures of the detectors: cost, run lengths, power, honesty of calibration, and what they do before there is one.

``python jobs/measure_detectors.py [--json] [--calibrations N] [--arl0 BARS]`` prints figures (about three and a half
minutes); ``--tables`` prints the tables of ``msray/detectors/iid.py`` instead (about ten).

Watches calibrated on 600 bars differ by about 0.9 of their promise, so a mean over N of them is good to 0.9 / sqrt(N):
0.1 for the default of 80. Far fewer cannot tell whether the goal of 0.25 is met.
"""

import math
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from chains import chains
from figures import Figure, arguments, median_seconds, report
from numpy.typing import NDArray

from msray.book import RegimePlan, create_synthetic_order_book_data
from msray.book.synthetic import DEFAULT_START_NS, KINDS, TRUTH, Changes
from msray.detectors import (
    CUSUM,
    Detector,
    Ensemble,
    FOCuS,
    PageHinkley,
    WatchCalibration,
    calibrate,
    iid,
    kernels,
    new_watch,
    reset_watch,
    seen_rate,
)
from msray.detectors.arl import solve_threshold, two_sided_arl
from msray.detectors.kernels_calibration import count_alarms
from msray.evaluation import wilson_interval
from msray.market import UNCALIBRATED, Signal
from msray.prediction import CalibrationConfig, DetectionConfig, PredictionEngine

Floats = NDArray[np.float64]

TABLE_SEED = 20261121
TABLE_ALARMS, TABLE_VALUES = 4_000, 200_000_000
POWER_ARL0 = 39_000.0
QUIET, CHANGED, STREAMS = 1_000, 1_000, 400
SHIFTS = (0.25, 0.5, 1.0, 2.0)
DETECTORS: dict[str, Callable[[float], Detector]] = {
    "cusum": lambda arl0: CUSUM(arl0=arl0),
    "cusum k=0.25": lambda arl0: CUSUM(arl0=arl0, k=0.25),
    "page_hinkley": lambda arl0: PageHinkley(arl0=arl0),
    "focus": lambda arl0: FOCuS(arl0=arl0),
    "focus known mean": lambda arl0: FOCuS(arl0=arl0, known_mean=0.0),
    "ensemble": lambda arl0: Ensemble(arl0=arl0),
}
NOISES: dict[str, tuple[float, Callable[[np.random.Generator, int], Floats]]] = {
    "iid normal": (0.0, lambda rng, n: rng.normal(size=n)),
    "AR(1) = 0.5": (0.5, lambda rng, n: rng.normal(size=n)),
    "t(3)": (0.0, lambda rng, n: rng.standard_t(3, size=n)),
}
CALIBRATION_BARS, SEEN_ALARMS = 600, 60
START_BARS = 660
"""Bars of an epoch that are over, by default, before a calibration is in force."""
STARTS = {100: 300, 1000: 60}
"""Epochs of the made-up market, for each length of bar in milliseconds."""
PLANTED_AT, PLANTED_BARS, PLANTED_EPOCHS = 300, 200, 10
RECORDING_BARS = 150
NEVER = CalibrationConfig(bars=100_000)


def autoregressive(rng: np.random.Generator, n: int, phi: float, draw: Callable[..., Floats]) -> Floats:
    """``n`` values of an AR(1) series, 200 more thrown away before them."""
    out = draw(rng, n + 200)
    if phi:
        for t in range(1, n + 200):
            out[t] += phi * out[t - 1]
    return out[200:]


def run_length(make: Callable[[], Detector], mean: float, alarms: int, most: int, seed: int) -> tuple[float, int]:
    """Values an alarm, over at least ``alarms`` alarms or ``most`` values; and how many alarms that was."""
    detector = make()
    rng = np.random.Generator(np.random.PCG64(seed))
    values = found = 0
    while found < alarms and values < most:
        found += len(detector.update_many(rng.standard_normal(1 << 20) + mean))
        values += 1 << 20
    return values / max(found, 1), found


def cost(runs: int) -> Iterator[Figure]:
    """Cost of a value: many at once, one at a time, and of the whole watch."""
    values = np.random.default_rng(1).normal(size=1_000_000)
    few = values[:20_000].tolist()
    for name, make in DETECTORS.items():
        batch = median_seconds(lambda detector: detector.update_many(values), lambda make=make: make(1e4), runs)
        yield Figure(name=f"{name}, a value of a batch", value=batch * 1e3, unit="ns", how="1e6 normal values, CPU")
        alone = median_seconds(lambda detector: _feed(detector, few), lambda make=make: make(1e4), runs)
        yield Figure(
            name=f"{name}, a value alone",
            value=alone / len(few) * 1e9,
            unit="ns",
            how="update(x) from Python, 2e4 normal values, CPU",
            beside=_river(few, runs) if name == "page_hinkley" else {},
        )
    bars = values[:CALIBRATION_BARS]
    solved = median_seconds(lambda bars: calibrate(bars, detector="ensemble", arl0=18_000.0, seed=1), lambda: bars, 3)
    how = f"{CALIBRATION_BARS} bars, arl0 18,000, ensemble, CPU"
    yield Figure(name="calibration of one watch", value=solved, unit="s", how=how, goal=1.0)
    calibration = calibrate(bars, detector="ensemble", arl0=18_000.0, seed=1)
    watch = median_seconds(lambda arena: count_alarms(arena, values), lambda: _watch(18_000.0, calibration), runs)
    yield Figure(name="calibrated ensemble watch, a bar", value=watch * 1e3, unit="ns", how="1e6 normal values, CPU")


def run_lengths() -> Iterator[Figure]:
    """Simulated run length of CUSUM against the computed one."""
    for h in (4.0, 5.0):
        for mean in (0.0, 0.5, 1.0):
            exact = two_sided_arl(k=0.5, h=h, mean=mean)
            seen, alarms = run_length(lambda h=h: CUSUM(threshold=h), mean, 20_000, 20_000_000, seed=1)
            yield Figure(
                name=f"CUSUM run length off the exact one, h={h:g}, shift {mean:g}",
                value=abs(seen / exact - 1.0),
                unit="fraction",
                how=f"{alarms} alarms, seed 1; exact {exact:.2f}, seen {seen:.2f}",
                goal=0.1,
            )


def power() -> Iterator[Figure]:
    """Mean delay and misses at equal false-alarm rate."""
    streams = np.random.default_rng(2).normal(size=(STREAMS, QUIET + CHANGED))
    for name, make in DETECTORS.items():
        for shift in SHIFTS:
            delays: list[int] = []
            watched = 0
            for stream in streams:
                detector = make(POWER_ARL0)
                if len(detector.update_many(stream[:QUIET])) == 0:
                    watched += 1
                    delays += [int(i) + 1 for i in detector.update_many(stream[QUIET:] + shift)[:1]]
            how = f"arl0 {POWER_ARL0:g} (5 % of quiet 2,000-value streams alarm), change at {QUIET}, {watched} streams"
            mean = sum(delays) / len(delays) if delays else math.nan
            missed = 1.0 - len(delays) / watched
            yield Figure(name=f"{name}, mean delay of {shift:g} sigma", value=mean, unit="values", how=how)
            yield Figure(name=f"{name}, share of {shift:g} sigma missed", value=missed, unit="fraction", how=how)


def honesty(calibrations: int, arl0: float) -> Iterator[Figure]:
    """False alarms seen over those promised, averaged over calibrations; and how many stated intervals hold."""
    bars = int(SEEN_ALARMS * arl0)
    for name, (phi, draw) in NOISES.items():
        ratios, held = [], 0
        for k in range(calibrations):
            rng = np.random.default_rng([7, k])
            quiet = autoregressive(rng, CALIBRATION_BARS, phi, draw)
            calibration = calibrate(quiet, detector="ensemble", arl0=arl0, seed=k)
            alarms = count_alarms(_watch(arl0, calibration), autoregressive(rng, bars, phi, draw))
            ratios.append(alarms * arl0 / bars)
            held += calibration.arl0_low <= bars / max(alarms, 0.5) <= calibration.arl0_high
        error = float(np.std(ratios)) / math.sqrt(calibrations)
        how = (
            f"{calibrations} calibrations of {CALIBRATION_BARS} bars (seeds [7, 0] on), arl0 {arl0:g}, {bars} bars each"
        )
        yield Figure(
            name=f"false alarms seen off those promised, {name}",
            value=abs(float(np.mean(ratios)) - 1.0),
            unit="fraction",
            how=f"{how}; seen / promised {np.mean(ratios):.2f}, standard error {error:.2f}",
            goal=0.25,
        )
        low, high = wilson_interval(held, calibrations)
        yield Figure(
            name=f"stated 90 % intervals of ARL0 that hold, {name}",
            value=held / calibrations,
            unit="fraction",
            how=f"{how}; 95 % interval of the share {low:.2f} to {high:.2f}",
        )


def uncalibrated_noise(arl0: float = 2_000.0, starts: int = 1_000) -> Iterator[Figure]:
    """False alarms over those promised while no calibration is in force."""
    noises = NOISES | {"AR(1) = 0.9": (0.9, NOISES["iid normal"][1])}
    for name, (phi, draw) in noises.items():
        values = autoregressive(np.random.default_rng(3), starts * START_BARS, phi, draw).reshape(starts, START_BARS)
        arena = _watch(arl0, None)
        alarms = 0
        for start in values:
            reset_watch(arena, 0)
            alarms += count_alarms(arena, start)
        yield _over_promise(
            f"uncalibrated, {name}", alarms, values.size / arl0, f"{starts} starts of {START_BARS} bars, seed 3"
        )


def uncalibrated_market() -> Iterator[Figure]:
    """The same on the made-up market without changes, default words; and how many planted changes are found."""
    for bar_ms, starts in STARTS.items():
        words = DetectionConfig(bar_ms=bar_ms, calibration=NEVER)
        alarms = sum(len(_signals(words, seed, np.zeros(0, TRUTH))) for seed in range(starts))
        how = f"default words, seeds 0 to {starts - 1}, {START_BARS} bars each"
        promised = starts * START_BARS / words.arl0_bars
        yield _over_promise(f"uncalibrated, quiet market, bars of {bar_ms} ms", alarms, promised, how)
        delays = [_delay(words, seed, kind) for kind in KINDS for seed in range(PLANTED_EPOCHS)]
        found = [delay for delay in delays if delay is not None]
        yield Figure(
            name=f"uncalibrated, planted changes found, bars of {bar_ms} ms",
            value=len(found) / len(delays),
            unit="fraction",
            how=f"default words, {PLANTED_EPOCHS} of each kind, at bar {PLANTED_AT} for {PLANTED_BARS} bars; "
            f"median delay {np.median(found):.1f} bars",
            op=">=",
        )


def recordings(data: Path) -> Iterator[Figure]:
    """Signals on real recordings with the default words; what is false among them nobody knows."""
    words = DetectionConfig()
    short = DetectionConfig(calibration=CalibrationConfig(bars=RECORDING_BARS, delay_bars=0))
    for chain in chains(data):
        engine, early = PredictionEngine(chain.instrument, words), PredictionEngine(chain.instrument, short)
        signals = engine.fold(chain.log)[0]
        calibrated = [signal for signal in early.fold(chain.log)[0] if signal.calibration != UNCALIBRATED]
        before = sum(signal.calibration == UNCALIBRATED for signal in signals)
        yield Figure(
            name=f"signals, {chain.name}",
            value=len(signals),
            unit="signals",
            how=f"default words, {engine.closed_bars} bars of 1 s, {before} uncalibrated; one false alarm promised in "
            f"{words.arl0_bars:g} bars. Calibrated on its first {RECORDING_BARS} bars: {len(calibrated)} after them",
            op=">=",
            goal=1.0,
        )


def tables() -> None:
    """Print the tables of ``iid.py``."""
    made: dict[str, list[tuple[float, float]]] = {}
    kinds: dict[str, tuple[Callable[[float], Detector], tuple[float, ...]]] = {
        "PAGE_HINKLEY": (lambda h: PageHinkley(threshold=h), (2, 3, 4, 6, 8, 10, 12, 14, 16, 18)),
        "FOCUS": (lambda h: FOCuS(threshold=h), (1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)),
        "FOCUS_KNOWN_MEAN": (lambda h: FOCuS(threshold=h, known_mean=0.0), (1.5, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)),
        "ENSEMBLE": (lambda h: Ensemble(threshold=h), (2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10, 10.5)),
    }
    for name, (make, heights) in kinds.items():
        made[name] = []
        for h in heights:
            length, _ = run_length(lambda h=h, make=make: make(h), 0.0, TABLE_ALARMS, TABLE_VALUES, TABLE_SEED)
            made[name].append((h, float(f"{length:.4g}")))
        _line(f"{name}: Table = {tuple(made[name])}")
        if name == "FOCUS":
            cusum = [(solve_threshold(length, k=0.5), length) for length in (1_000.0, 30_000.0)]
            lines = [_evidence(points) for points in (cusum, made["PAGE_HINKLEY"], made["FOCUS"])]
            _line(f"IID_LINES: Lines = {tuple(lines)}")


def main() -> int:
    """Print what was asked for."""
    parser = arguments(__doc__)
    parser.add_argument("--tables", action="store_true", help="the tables for independent values instead")
    parser.add_argument("--calibrations", type=int, default=80, help="calibrations behind each honesty figure")
    parser.add_argument("--arl0", type=float, default=2_000.0, help="promise of these calibrations, in bars")
    options = parser.parse_args()
    if options.tables:
        tables()
        return 0
    figures = [*cost(options.runs), *run_lengths(), *power(), *uncalibrated_noise(), *uncalibrated_market()]
    figures += [*recordings(options.data), *honesty(options.calibrations, options.arl0)]
    return report(figures, as_json=options.json)


def _evidence(points: list[tuple[float, float]]) -> tuple[float, float]:
    low, high = (iid.threshold_at(tuple(points), length) for length in (1_000.0, 30_000.0))
    slope = math.log(30.0) / (high - low)
    return round(math.log(1_000.0) - slope * low, 4), round(slope, 4)


def _feed(detector: Detector, values: list[float]) -> None:
    for x in values:
        detector.update(x)


def _watch(arl0: float, calibration: WatchCalibration | None) -> NDArray[Any]:
    arena = np.zeros(kernels.WATCH_WORDS, np.int64)
    new_watch(arena, 0, detector="ensemble", arl0=arl0, calibration=calibration)
    return arena


def _signals(words: DetectionConfig, seed: int, regimes: RegimePlan | Changes) -> list[Signal]:
    seconds = START_BARS * words.bar_ms / 1000
    data = create_synthetic_order_book_data(seed=seed, duration_s=seconds, regimes=regimes)
    return PredictionEngine(data.instrument, words).fold(data.records)[0]


def _delay(words: DetectionConfig, seed: int, kind: str) -> float | None:
    """Bars from a planted change to the first signal of the watch that looks for it; None where there is none."""
    bar_s = words.bar_ms / 1000
    plan = RegimePlan(first_s=PLANTED_AT * bar_s, every_s=1e6, jitter_s=0.0, last_s=PLANTED_BARS * bar_s, kinds=[kind])
    begin_ns = DEFAULT_START_NS + int(PLANTED_AT * bar_s * 1e9)
    named = [one.event_ns for one in _signals(words, seed, plan) if one.signal_type.startswith(kind)]
    delays = [(event_ns - begin_ns) / 1e9 / bar_s for event_ns in named]
    return min((delay for delay in delays if 0.0 < delay <= PLANTED_BARS), default=None)


def _over_promise(name: str, alarms: int, promised: float, how: str) -> Figure:
    low, high = (end / promised for end in seen_rate(alarms, 1, confidence=0.95)[1])
    return Figure(
        name=name,
        value=alarms / promised,
        unit="false alarms / promised",
        how=f"{how}; {alarms} alarms, {promised:.1f} promised, 95 % interval {low:.2f} to {high:.2f}",
        goal=5.0,
    )


def _river(values: list[float], runs: int) -> dict[str, float]:
    if find_spec("river") is None:
        return {}
    from river import drift

    seconds = median_seconds(lambda detector: _feed(detector, values), drift.PageHinkley, runs)
    return {"river": seconds / len(values) * 1e9}


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
