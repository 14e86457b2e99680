"""Calibration: what it learns, and that it keeps its promise."""

import math
import threading
from collections.abc import Callable

import numpy as np
import pytest

from msray.detectors import DETECTORS, WatchCalibration, calibrate
from msray.detectors.arl import solve_threshold
from msray.detectors.kernels_calibration import count_alarms
from msray.errors import UnknownNameError, UsageError
from tests.detectors.made import Floats, autoregressive, run, student, watch

QUICK = 1 << 17
NOISES: dict[str, tuple[float, Callable[..., Floats] | None]] = {
    "iid": (0.0, None),
    "ar": (0.5, None),
    "t3": (0.0, student),
}


def quiet(seed: int = 1, n: int = 600, phi: float = 0.0) -> Floats:
    return autoregressive(np.random.default_rng(seed), n, phi)


def promise(bars: Floats, **words: object) -> WatchCalibration:
    words = {"detector": "ensemble", "arl0": 1_000.0, "seed": b"seed", "simulated_bars": QUICK} | words
    return calibrate(bars, **words)  # type: ignore[arg-type]


def seen_over_promised(
    noise: str, *, calibrations: int, bars: int, arl0: float, simulated_bars: int, alarms: float = 20.0
) -> tuple[Floats, int]:
    """False alarms on later bars over those promised, seeds [7, 0] on; and how many stated intervals of ARL0 hold."""
    phi, draw = NOISES[noise]
    ratios, held = [], 0
    for number in range(calibrations):
        rng = np.random.default_rng([7, number])
        calibration = promise(
            autoregressive(rng, bars, phi, draw), arl0=arl0, seed=number, simulated_bars=simulated_bars
        )
        later = autoregressive(rng, int(alarms * arl0), phi, draw)
        seen = count_alarms(watch(calibration, arl0=arl0), later)
        ratios.append(seen / alarms)
        held += calibration.arl0_low <= len(later) / max(seen, 0.5) <= calibration.arl0_high
    return np.array(ratios), held


def share_interval(held: int, of: int, tail: float = 0.025) -> tuple[float, float]:
    """Exact interval of a share (Clopper and Pearson, 1934), to three digits."""

    def at_most(count: int, share: float) -> float:
        return sum(math.comb(of, i) * share**i * (1.0 - share) ** (of - i) for i in range(count + 1))

    shares = np.arange(0.0, 1.0005, 0.001)
    within = [s for s in shares if at_most(held, s) >= tail and 1.0 - at_most(held - 1, s) >= tail]
    return min(within), max(within)


@pytest.mark.parametrize("noise", NOISES)
def test_false_alarms_are_those_promised_for_plenty_of_bars(noise: str) -> None:
    """5,000 bars, one alarm in 500: 8 calibrations differ by about 20 %, so their mean is good to 7 %."""
    ratios, _ = seen_over_promised(noise, calibrations=8, bars=5_000, arl0=500.0, simulated_bars=QUICK)

    assert ratios.mean() == pytest.approx(1.0, abs=0.25)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("arl0", [500.0, 2_000.0])
@pytest.mark.parametrize("noise", NOISES)
def test_false_alarms_are_those_promised_on_average_for_600_bars(noise: str, arl0: float) -> None:
    """From 600 bars single watches differ by a factor of two; the mean of 80 is good to 6 to 10 %."""
    ratios, held = seen_over_promised(noise, calibrations=80, bars=600, arl0=arl0, simulated_bars=1 << 18, alarms=60.0)
    low, high = share_interval(held, len(ratios))

    assert ratios.mean() == pytest.approx(1.0, abs=0.25)
    assert high >= 0.9, f"{held} of {len(ratios)} intervals hold: {low:.3f} to {high:.3f}"


def test_it_learns_what_is_there() -> None:
    bars = 50.0 + 3.0 * quiet(n=5_000, phi=0.5)

    learned = promise(bars)

    assert sum(learned.phi) == pytest.approx(0.5, abs=0.05)
    assert learned.mean == pytest.approx(25.0, abs=2.5)
    assert learned.sigma == pytest.approx(3.0, rel=0.03)
    assert learned.size_factor == pytest.approx(np.sqrt(3.0), rel=0.1)
    assert (learned.bars, learned.skipped, learned.block) == (5_000, 0, 1.0)
    assert not learned.degenerate
    assert learned.arl0_low < 1_000.0 < learned.arl0_high


@pytest.mark.parametrize("detector", DETECTORS)
def test_the_same_words_give_the_same_calibration_in_any_thread(detector: str) -> None:
    bars = quiet(phi=0.4)
    found: list[WatchCalibration] = []
    threads = [threading.Thread(target=lambda: found.append(promise(bars, detector=detector))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found[0] == found[1] == promise(bars, detector=detector)
    assert promise(bars, detector=detector, seed=b"other").threshold != found[0].threshold
    assert promise(bars, detector=detector, seed=b"other").seed != found[0].seed


def test_a_single_detector_gets_its_own_scale() -> None:
    bars = quiet(n=20_000)

    cusum = promise(bars, detector="cusum", simulated_bars=1 << 20)

    assert cusum.threshold == pytest.approx(solve_threshold(1_000.0, k=0.5), rel=0.05)


def test_fewer_bars_cost_a_higher_threshold() -> None:
    """What a short calibration gets wrong is paid for, so that the promise is kept on average."""
    few = np.mean([promise(quiet(seed, 300, 0.5), arl0=5_000.0).threshold for seed in range(4)])
    many = np.mean([promise(quiet(seed, 6_000, 0.5), arl0=5_000.0).threshold for seed in range(4)])

    assert few > many + 0.1


def test_a_rate_rarer_than_the_bars_show_is_marked_and_less_certain() -> None:
    shown, rare = promise(quiet(), arl0=10_000.0), promise(quiet(), arl0=1e6)

    assert (shown.extrapolated, rare.extrapolated) == (False, True)
    assert rare.threshold > shown.threshold + 2.0
    assert rare.arl0_high / rare.arl0_low > shown.arl0_high / shown.arl0_low


def test_stated_intervals_hold_as_often_as_they_say() -> None:
    """20 calibrations of 600 bars: the exact 95 % interval of the share that hold must reach 0.9."""
    _, held = seen_over_promised("ar", calibrations=20, bars=600, arl0=500.0, simulated_bars=1 << 18, alarms=60.0)
    low, high = share_interval(held, 20)

    assert high >= 0.9, f"{held} of 20 intervals hold: {low:.3f} to {high:.3f}"


def test_level_and_scale_of_the_bars_do_not_matter() -> None:
    near, far = promise(quiet(phi=0.3)), promise(1024.0 * quiet(phi=0.3))

    assert far.threshold == pytest.approx(near.threshold, abs=0.15)
    assert far.sigma == pytest.approx(1024.0 * near.sigma)


def test_bars_without_a_value_are_left_out_and_counted() -> None:
    bars = quiet(phi=0.3)
    holed = np.insert(bars, [10, 10, 300], [np.nan, np.inf, 1e200])

    whole, left = promise(bars), promise(holed)

    assert (left.bars, left.skipped) == (600, 3)
    assert (left.threshold, left.phi) == (whole.threshold, whole.phi)


@pytest.mark.parametrize(
    "bars", [np.full(600, 5.0), np.zeros(600), quiet(n=59), np.full(600, np.nan), np.zeros(0)], ids=str
)
def test_bars_that_say_nothing_make_a_silent_watch(bars: Floats) -> None:
    silent = promise(bars)

    assert silent.degenerate
    assert run(watch(silent, arl0=1_000.0), quiet(2, 3_000) * 100.0) == []


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize(
    "bars",
    [
        np.arange(600) % 2.0,
        np.linspace(0.0, 1.0, 600),
        np.where(np.arange(600) == 300, 1.0, 0.0),
        np.where(np.arange(600) < 300, 0.0, 1.0),
        np.cumsum(quiet()),
        quiet() ** 9,
        1e99 * quiet(),
        1e-300 * quiet(),
        1e12 + quiet(),
    ],
    ids=["flip", "ramp", "spike", "step", "walk", "wild", "huge", "tiny", "far"],
)
def test_strange_bars_still_give_numbers(bars: Floats, detector: str) -> None:
    learned = promise(bars, detector=detector, simulated_bars=1 << 16)

    run(watch(learned, detector=detector, arl0=1_000.0), np.tile(bars, 2))
    assert learned.threshold > 0.0


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        ({"detector": "cusun"}, UnknownNameError, "unknown detector 'cusun'"),
        ({"arl0": 0.0}, UsageError, "arl0 must lie between 10"),
        ({"clip": 0.5}, UsageError, "clip must lie between 1 and 100, got 0.5"),
        ({"max_ar": 6}, UsageError, "max_ar must lie between 0 and 5, got 6"),
        ({"simulated_bars": 10}, UsageError, "simulated_bars must be at least 65536, got 10"),
        ({"bars": np.zeros((2, 2))}, UsageError, "bars must have one dimension, got 2"),
    ],
)
def test_wrong_words_are_named(words: dict[str, object], error: type[Exception], message: str) -> None:
    bars = words.pop("bars", quiet())

    with pytest.raises(error, match=message):
        promise(bars, **words)  # type: ignore[arg-type]
