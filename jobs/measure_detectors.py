"""Figures of the detectors: cost of a value, run lengths, power at equal false-alarm rate, honesty of calibration.

``python jobs/measure_detectors.py [--json] [--calibrations N]`` prints figures (about six minutes); ``--tables`` prints
the tables of ``msray/detectors/iid.py`` instead (about ten).

Watches calibrated on 600 bars differ by about 0.9 of their promise, so a mean over N of them is good to 0.9 / sqrt(N):
0.07 for the default of 160. Far fewer cannot tell whether the goal of 0.25 is met; over the first 24 the mean is 1.3 to
1.4 for normal noise, over 320 it is 1.04 to 1.05.
"""

import math
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
from figures import Figure, arguments, median_seconds, report
from numpy.typing import NDArray

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
)
from msray.detectors.arl import solve_threshold, two_sided_arl
from msray.detectors.kernels_calibration import count_alarms

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
CALIBRATION_BARS, CALIBRATION_ARL0, SEEN_BARS = 600, 2_000.0, 40_000


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


def honesty(calibrations: int) -> Iterator[Figure]:
    """False alarms seen over false alarms promised, averaged over independent calibrations."""
    for name, (phi, draw) in NOISES.items():
        ratios = []
        for k in range(calibrations):
            rng = np.random.default_rng([7, k])
            bars = autoregressive(rng, CALIBRATION_BARS, phi, draw)
            calibration = calibrate(bars, detector="ensemble", arl0=CALIBRATION_ARL0, seed=k)
            arena = _watch(CALIBRATION_ARL0, calibration)
            alarms = count_alarms(arena, autoregressive(rng, SEEN_BARS, phi, draw))
            ratios.append(alarms * CALIBRATION_ARL0 / SEEN_BARS)
        error = float(np.std(ratios)) / math.sqrt(calibrations)
        yield Figure(
            name=f"false alarms seen off those promised, {name}",
            value=abs(float(np.mean(ratios)) - 1.0),
            unit="fraction",
            how=f"{calibrations} calibrations of {CALIBRATION_BARS} bars, arl0 {CALIBRATION_ARL0:g}, {SEEN_BARS} bars "
            f"each; seen / promised {np.mean(ratios):.2f}, standard error {error:.2f}",
            goal=0.25,
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
    parser.add_argument("--calibrations", type=int, default=160, help="calibrations behind each honesty figure")
    options = parser.parse_args()
    if options.tables:
        tables()
        return 0
    figures = [*cost(options.runs), *run_lengths(), *power(), *honesty(options.calibrations)]
    return report(figures, as_json=options.json)


def _evidence(points: list[tuple[float, float]]) -> tuple[float, float]:
    low, high = (iid.threshold_at(tuple(points), length) for length in (1_000.0, 30_000.0))
    slope = math.log(30.0) / (high - low)
    return round(math.log(1_000.0) - slope * low, 4), round(slope, 4)


def _feed(detector: Detector, values: list[float]) -> None:
    for x in values:
        detector.update(x)


def _watch(arl0: float, calibration: WatchCalibration) -> NDArray[Any]:
    arena = np.zeros(kernels.WATCH_WORDS, np.int64)
    new_watch(arena, 0, detector="ensemble", arl0=arl0, calibration=calibration)
    return arena


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
