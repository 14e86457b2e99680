"""Writing watches."""

import numpy as np
import pytest

from msray.detectors import DETECTORS, kernels, new_watch, reset_watch
from msray.errors import ConfigError, UnknownNameError, UsageError
from tests.detectors.made import autoregressive, quiet_calibration, run, watch


@pytest.mark.parametrize("calibrated", [True, False])
@pytest.mark.parametrize("detector", DETECTORS)
def test_reset_equals_new(detector: str, calibrated: bool) -> None:
    calibration = quiet_calibration(detector=detector, phi=(0.3,), threshold=5.0) if calibrated else None
    used, new = watch(calibration, detector=detector), watch(calibration, detector=detector)
    values = autoregressive(np.random.default_rng(1), 700, 0.3)
    values[400:] += 5.0
    values[5] = np.nan

    assert run(used, values)
    reset_watch(used, 0)

    assert np.array_equal(used, new)


def test_a_new_watch_overwrites_whatever_was_there() -> None:
    arena = np.full(kernels.WATCH_WORDS + 2, -1, np.int64)

    new_watch(arena, 1, detector="ensemble", arl0=2_000.0, calibration=quiet_calibration())

    assert np.array_equal(arena[1:-1], watch(quiet_calibration()))
    assert arena[0] == arena[-1] == -1


@pytest.mark.parametrize(
    ("detector", "arl0", "error", "message"),
    [
        ("cusun", 2_000.0, UnknownNameError, "unknown detector 'cusun'"),
        ("ensemble", 1.0, UsageError, "arl0 must lie between 10"),
        ("cusum", 2_000.0, ConfigError, "calibration is for detector 'ensemble', not for 'cusum'"),
        ("ensemble", 2_001.0, ConfigError, "calibration promises arl0 2000, not 2001"),
    ],
)
def test_what_does_not_fit_is_refused(detector: str, arl0: float, error: type[Exception], message: str) -> None:
    arena = np.zeros(kernels.WATCH_WORDS, np.int64)

    with pytest.raises(error, match=message):
        new_watch(arena, 0, detector=detector, arl0=arl0, calibration=quiet_calibration())
    assert not arena.any()
