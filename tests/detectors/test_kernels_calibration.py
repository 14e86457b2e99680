"""Fits and resampling."""

import numpy as np
import pytest

from msray.detectors import calibrate, new_watch
from msray.detectors import kernels as watch
from msray.detectors import kernels_calibration as k
from msray.detectors import kernels_members as members
from msray.stats.kernels import put_float
from tests.detectors.made import Floats, autoregressive, student
from tests.naive.detectors import yule_walker

CLIP = 4.0


def fit(values: Floats, max_order: int = 5) -> tuple[Floats, Floats]:
    out, residuals = np.zeros(k.FIT_WORDS), np.zeros(len(values))
    k.fit(values, CLIP, max_order, out, residuals)
    return out, residuals[int(out[k.FIT_ORDER]) :]


def generator(seed: int = 1) -> np.ndarray:
    return np.array([seed], np.uint64)


@pytest.mark.parametrize("draw", [np.random.Generator.normal, student])
def test_winsorised_values_have_mean_0_and_deviation_1(draw: object) -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(size=900) if draw is not student else student(rng, 900)

    mean, sigma = k.location_scale(7.0 + 3.0 * values, CLIP)
    z = np.clip((7.0 + 3.0 * values - mean) / sigma, -CLIP, CLIP)

    assert z.mean() == pytest.approx(0.0, abs=1e-5)
    assert z.std() == pytest.approx(1.0, abs=1e-5)


def test_one_wild_value_hardly_moves_the_scale() -> None:
    values = np.random.default_rng(1).normal(size=600)
    wild = values.copy()
    wild[3] = 20.0

    assert k.location_scale(wild, CLIP) == pytest.approx(k.location_scale(values, CLIP), abs=0.03)


def test_a_series_that_moves_rarely_has_a_scale() -> None:
    values = np.zeros(600)
    values[[10, 300]] = 1.0

    mean, sigma = k.location_scale(values, CLIP)

    assert sigma >= 0.1 * values.std() * (1 - 1e-12)
    assert 0.0 <= mean < 0.01


def test_scale_of_a_constant_is_0() -> None:
    assert k.location_scale(np.full(100, 5.0), CLIP) == (5.0, 0.0)


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, -0.4])
def test_autoregression_equals_the_solved_equations(phi: float) -> None:
    values = 10.0 + autoregressive(np.random.default_rng(3), 600, phi)
    mean, sigma = k.location_scale(values, CLIP)
    z = np.clip((values - mean) / sigma, -CLIP, CLIP)
    criteria = [len(z) * np.log(yule_walker(z, p)[1]) + 2 * p for p in range(6)]

    out, residuals = fit(values)

    order = int(np.argmin(criteria))
    assert out[k.FIT_ORDER] == order
    expected = yule_walker(z, order)[0]
    assert out[k.FIT_PHI : k.FIT_PHI + 5] == pytest.approx([*expected, *np.zeros(5 - order)], abs=1e-9)
    direct = values[order:] - sum(expected[i] * values[order - 1 - i : len(values) - 1 - i] for i in range(order))
    assert residuals == pytest.approx(direct, abs=1e-9)
    assert (out[k.FIT_MEAN], out[k.FIT_SIGMA]) == pytest.approx(k.location_scale(residuals, CLIP))
    assert out[k.FIT_SIZE_FACTOR] == pytest.approx(out[k.FIT_SIGMA] / sigma / (1 - expected.sum()))


def test_highest_order_is_kept() -> None:
    values = autoregressive(np.random.default_rng(3), 600, 0.9)

    assert fit(values, max_order=0)[0][k.FIT_ORDER] == 0
    assert fit(values, max_order=1)[0][k.FIT_ORDER] == 1


def test_resampled_series_has_the_moments_of_the_bars() -> None:
    values = 3.0 + 2.0 * autoregressive(np.random.default_rng(5), 2_000, 0.6, student)
    fitted, residuals = fit(values, max_order=1)

    out = np.zeros(200_000)
    k.resample(residuals, fitted, 1.0, generator(), out)

    lag_1 = np.corrcoef(out[1:], out[:-1])[0, 1]
    assert lag_1 == pytest.approx(fitted[k.FIT_PHI], abs=0.02)
    assert out.mean() == pytest.approx(residuals.mean() / (1 - fitted[k.FIT_PHI]), abs=0.1)
    assert out.std() == pytest.approx(residuals.std() / np.sqrt(1 - fitted[k.FIT_PHI] ** 2), rel=0.05)


def test_blocks_have_the_length_asked_for_and_begin_anywhere() -> None:
    residuals = np.arange(500.0)
    fitted = np.zeros(k.FIT_WORDS)

    out = np.zeros(100_000)
    k.resample(residuals, fitted, 8.0, generator(), out)

    continued = (np.diff(out) == 1.0) | (np.diff(out) == -499.0)
    assert 1.0 - continued.mean() == pytest.approx(1 / 8, rel=0.05)
    assert np.bincount(out.astype(int), minlength=500).min() > 100
    assert set(out) <= set(residuals)


def test_single_values_are_drawn_alike() -> None:
    out = np.zeros(100_000)
    k.resample(np.arange(10.0), np.zeros(k.FIT_WORDS), 1.0, generator(), out)

    assert np.bincount(out.astype(int)) == pytest.approx(np.full(10, 10_000), rel=0.05)


def test_independent_bars_need_no_blocks() -> None:
    lags = [k.dependence(np.random.default_rng(seed).normal(size=600), 30) for seed in range(50)]

    assert np.mean(lags) < 0.1


def test_volatility_that_clusters_asks_for_blocks() -> None:
    rng = np.random.default_rng(1)
    volatility = np.exp(autoregressive(rng, 600, 0.95) / 2.0)

    assert k.dependence(np.clip(rng.normal(size=600) * volatility, -4, 4), 30) >= 3


def test_dependence_stops_at_the_bound_and_at_a_constant() -> None:
    assert k.dependence(np.linspace(0.0, 1.0, 600), 30) == 30
    assert k.dependence(np.ones(600), 30) == 0


@pytest.mark.parametrize("detector", ["ensemble", "cusum", "page_hinkley", "focus"])
@pytest.mark.parametrize("heights", [(0.1, 0.5, 1.0), (1.0, 3.0, 3.0), (2.0, 5.0, 8.0), (0.5, 50.0, 60.0)])
def test_alarms_at_several_thresholds_are_those_at_each_by_itself(detector: str, heights: tuple[float, ...]) -> None:
    rng = np.random.default_rng(5)
    calibration = calibrate(rng.normal(size=300), detector=detector, arl0=500, seed=1, simulated_bars=1 << 16)
    words = np.zeros(watch.WATCH_WORDS, np.int64)
    new_watch(words, 0, detector=detector, arl0=500, calibration=calibration)
    for number in range(20):
        values = autoregressive(rng, 700, 0.3) * rng.choice([0.3, 1.0, 2.0])
        values[rng.integers(0, 700, number % 4)] = np.nan
        values[-1] += 30.0 * (number % 3)  # an alarm at the last bar
        alone = []
        for height in heights:
            mine = words.copy()
            put_float(mine, watch.SECTION_AT + members.THRESHOLD, height)
            watch.restart_watch(mine, 0)
            alone.append(k.count_alarms(mine, values))

        counts = np.full(len(heights), -1)
        k.count_alarms_at(np.array(heights), words, values, counts)  # a watch that has seen those before

        assert counts.tolist() == alone
