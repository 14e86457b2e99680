"""The watch, bar by bar."""

import math

import numpy as np
import pytest

from msray.detectors import DETECTORS, WatchCalibration, kernels, reset_watch
from msray.detectors.kernels_calibration import count_alarms
from msray.detectors.section import mode_of
from tests.detectors.made import alarm, autoregressive, quiet_calibration, run, student, watch
from tests.naive.detectors import NaiveWatch

PHI = (0.4, 0.2)


def busy(seed: int, n: int = 900) -> np.ndarray:
    """Autocorrelated, heavy-tailed, shifting, with holes."""
    values = autoregressive(np.random.default_rng(seed), n, 0.5, student)
    values[300:500] += 6.0
    values[600:] -= 40.0
    values[[100, 101, 450, 700]] = np.nan
    return values


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_watch_equals_its_naive_twin(seed: int) -> None:
    calibration = quiet_calibration(phi=PHI, mean=0.1, sigma=1.3, threshold=6.0)
    arena, naive = watch(calibration), NaiveWatch(calibration)

    alarms = 0
    for bar, x in enumerate(busy(seed)):
        alarmed = kernels.watch_update(arena, 0, bar, float(x))
        statistic = naive.update(float(x))

        assert bool(alarmed) == (statistic is not None)
        if statistic is not None:
            alarms += 1
            assert alarm(arena)["statistic"] == pytest.approx(statistic, abs=1e-9)
    assert alarms >= 2


def test_alarm_tells_what_changed_when_and_by_how_much() -> None:
    values = np.random.default_rng(1).normal(size=400) * 0.3
    values[300:] -= 2.0
    arena = watch(quiet_calibration(), at=7)

    first = run(arena, values, at=7, first_bar=1_000_000)[0]
    seen = alarm(arena, at=7)

    assert 1_000_300 < first < 1_000_310
    assert seen["direction"] == -1
    assert seen["change_bar"] == 1_000_300
    assert seen["size"] == pytest.approx(-2.0, abs=0.3)
    assert seen["score"] == seen["statistic"] / (seen["statistic"] + 7.6) > 0.5
    assert sum(seen["shares"]) == pytest.approx(1.0)


def test_size_is_in_deviations_of_a_quiet_bar_where_bars_are_autocorrelated() -> None:
    """A shift of the bars by 2 of their deviations is one of the whitened ones by 2 / 1.73."""
    phi = 0.5
    factor = math.sqrt((1 + phi) / (1 - phi))
    deviation = math.sqrt(1 / (1 - phi * phi))
    sizes = []
    for seed in range(20):
        values = autoregressive(np.random.default_rng(seed), 400, phi)
        values[200:] += 2.0 * deviation
        arena = watch(quiet_calibration(phi=(phi,), size_factor=factor))
        if run(arena, values[:230]):
            sizes.append(alarm(arena)["size"])

    assert len(sizes) >= 18
    assert np.mean(sizes) == pytest.approx(2.0, rel=0.25)  # what is found first is on the large side


def test_one_detector_alone_watches_on_its_own_scale() -> None:
    values = np.random.default_rng(1).normal(size=400) * 0.3
    values[300:] += 2.0
    for detector in DETECTORS[1:]:
        arena = watch(quiet_calibration(detector=detector, threshold=9.0), detector=detector)

        first = run(arena, values)[0]

        assert 303 <= first < 312
        assert alarm(arena)["statistic"] > 9.0
        assert alarm(arena)["shares"] == [float(mode_of(detector) == member) for member in (1, 2, 3)]


def test_a_level_far_beyond_the_bound_is_followed_and_left_again() -> None:
    values = np.random.default_rng(2).normal(size=2_000)
    values[500:1000] += 50.0
    values[1500:] += 2.0

    alarms = run(watch(quiet_calibration(threshold=11.0)), values)

    assert [bar // 10 * 10 for bar in alarms] == [500, 1000, 1500]


def test_bars_without_a_value_are_counted_and_whitening_begins_anew() -> None:
    arena = watch(quiet_calibration(phi=PHI))
    values = np.array([1.0, 2.0, np.nan, 3.0, 4.0, 5.0, np.inf, 1e101, -np.inf])

    run(arena, values)

    assert arena[kernels.SKIPPED] == 4
    # Two values to begin with, two after the first hole: one residual in all.
    assert arena[kernels.SECTION_AT + 2] == 1
    assert arena[kernels.PAST_BARS] == 0


def test_bars_without_a_value_change_nothing_where_there_is_nothing_to_whiten() -> None:
    values = busy(4)

    with_holes = run(watch(quiet_calibration()), values)
    without = run(watch(quiet_calibration()), values[np.isfinite(values)])

    bars = np.flatnonzero(np.isfinite(values))
    assert with_holes == bars[without].tolist()


@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("detector", DETECTORS)
def test_values_cut_off_change_nothing_before(detector: str, calibrated: bool) -> None:
    values = busy(5)
    calibration = quiet_calibration(detector=detector, phi=PHI, threshold=6.0) if calibrated else None
    whole = run(watch(calibration, detector=detector), values)

    for cut in (1, 31, 310, 620, 899):
        arena = watch(calibration, detector=detector)
        assert run(arena, values[:cut]) == [bar for bar in whole if bar < cut]
    assert whole


@pytest.mark.parametrize("calibration", [quiet_calibration(phi=PHI, threshold=6.0), None], ids=["calibrated", "not"])
def test_copying_the_arena_is_a_checkpoint(calibration: WatchCalibration | None) -> None:
    values = busy(6)
    whole = run(watch(calibration), values)

    for cut in (40, 310, 555):
        arena = watch(calibration)
        early = run(arena, values[:cut])
        copy = arena.copy()
        late, again = run(arena, values[cut:], first_bar=cut), run(copy, values[cut:], first_bar=cut)

        assert late == again
        assert np.array_equal(arena, copy)
        assert early + late == whole
    assert whole


def test_watches_side_by_side_do_not_touch_each_other() -> None:
    values = busy(7)
    words = kernels.WATCH_WORDS
    alone = watch(quiet_calibration(phi=PHI))
    run(alone, values)
    arena = np.full(3 * words, -1, np.int64)
    arena[words : 2 * words] = watch(quiet_calibration(phi=PHI))

    run(arena, values, at=words)

    assert (arena[:words] == -1).all()
    assert (arena[2 * words :] == -1).all()
    assert np.array_equal(arena[words : 2 * words], alone)


class TestUncalibrated:
    def test_at_first_it_only_learns(self) -> None:
        values = np.random.default_rng(1).normal(size=2 * kernels.LEARNING_BARS)
        values[kernels.LEARNING_BARS - 5 :] += 10.0

        assert kernels.LEARNING_BARS <= run(watch(), values)[0] < kernels.LEARNING_BARS + 10

    def test_level_and_scale_do_not_matter(self) -> None:
        values = busy(8)

        assert run(watch(), values) == run(watch(), values * 1024.0)
        assert run(watch(), values) == run(watch(), -values)

    def test_a_shift_is_found_and_then_the_new_level_is_quiet(self) -> None:
        values = np.random.default_rng(3).normal(size=1_000)
        values[500:] += 3.0
        arena = watch(arl0=50_000.0)

        alarms = run(arena, values)

        assert len(alarms) == 1
        assert 500 < alarms[0] < 510
        assert alarm(arena)["direction"] == 1
        assert abs(alarm(arena)["change_bar"] - 500) <= 2

    def test_size_is_in_deviations_of_a_bar_where_bars_are_autocorrelated(self) -> None:
        sizes = []
        for seed in range(20):
            values = autoregressive(np.random.default_rng([3, seed]), 400, 0.5) * 0.75**0.5
            values[300:] += 3.0
            arena = watch()
            if run(arena, values[:330]):
                sizes.append(alarm(arena)["size"])

        assert len(sizes) >= 18
        assert np.mean(sizes) == pytest.approx(3.0, rel=0.25)

    def test_one_wild_bar_neither_alarms_nor_deafens(self) -> None:
        values = np.random.default_rng(5).normal(size=600)
        values[50] = 1e9
        values[200] = -1e9
        values[500:] += 3.0

        (first,) = run(watch(arl0=50_000.0), values)

        assert 500 < first < 512

    @pytest.mark.parametrize("detector", DETECTORS)
    @pytest.mark.parametrize(
        ("phi", "draw", "most"), [(0.0, None, 1.2), (0.5, None, 1.0), (0.9, None, 1.0), (0.0, student, 5.0)]
    )
    def test_false_alarms_are_not_far_above_those_asked_for(
        self, detector: str, phi: float, draw: object, most: float
    ) -> None:
        """300 starts of 660 bars, 99 alarms promised. Heavy tails are what normal thresholds bear least."""
        values = autoregressive(np.random.default_rng(4), 300 * 660, phi, student if draw is student else None)
        arena = watch(detector=detector, arl0=2_000.0)

        alarms = 0
        for start in values.reshape(300, 660):
            reset_watch(arena, 0)
            alarms += count_alarms(arena, start)

        assert alarms <= most * len(values) / 2_000.0


class TestDegenerate:
    @pytest.mark.parametrize("value", [0.0, 5.0, -1e90, 0.1 + 0.2])
    def test_a_constant_series_never_alarms_and_says_so(self, value: float) -> None:
        arena = watch()

        assert run(arena, np.full(500, value)) == []
        assert arena[kernels.DEGENERATE] == 1

    def test_a_watch_calibrated_on_a_constant_stays_silent(self) -> None:
        arena = watch(quiet_calibration(sigma=0.0, degenerate=True))

        assert run(arena, busy(9)) == []
        assert arena[kernels.DEGENERATE] == 1

    def test_a_series_that_begins_to_move_is_degenerate_no_longer(self) -> None:
        arena = watch()

        alarms = run(arena, np.concatenate([np.zeros(100), np.ones(20)]))

        assert arena[kernels.DEGENERATE] == 0
        assert alarms
        assert np.isfinite(arena.view(np.float64)).all()
