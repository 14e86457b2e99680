"""Writing a watch into an arena: parameters from words and calibration, state as new."""

from typing import Any

from numpy.typing import NDArray

from msray.detectors import kernels as k
from msray.detectors import kernels_members as members
from msray.detectors.arl import check_arl0, solve_threshold
from msray.detectors.calibration import CLIP, WatchCalibration
from msray.detectors.iid import ENSEMBLE, FOCUS, PAGE_HINKLEY, threshold_at
from msray.detectors.section import CUSUM_ALLOWANCE, Section, mode_of
from msray.errors import ConfigError
from msray.stats import float_bits

_TABLES = {members.ENSEMBLE: ENSEMBLE, members.PAGE_HINKLEY: PAGE_HINKLEY, members.FOCUS: FOCUS}


def new_watch(
    arena: NDArray[Any], at: int, *, detector: str, arl0: float, calibration: WatchCalibration | None = None
) -> None:
    """Write a fresh watch into ``arena[at : at + WATCH_WORDS]``.

    Parameters
    ----------
    arena
        int64 words.
    at
        Where the watch begins.
    detector
        ``ensemble``, ``cusum``, ``page_hinkley`` or ``focus``.
    arl0
        Expected bars between false alarms.
    calibration
        In force from the first bar; without one the watch learns mean and long-run deviation as it goes, and its
        threshold is that of independent normal bars.

    Raises
    ------
    UnknownNameError
        If there is no such detector.
    UsageError
        If ``arl0`` is out of range.
    ConfigError
        If the calibration was made for another detector or another ``arl0``.
    """
    mode = mode_of(detector)
    check_arl0(arl0)
    words = arena[at : at + k.WATCH_WORDS]
    words[:] = 0
    if calibration is None:
        float_bits(words)[k.CLIP] = CLIP
        _iid_section(mode, arl0).write(words, k.SECTION_AT)
    else:
        _check(calibration, detector, arl0)
        _write_front(words, calibration)
        calibration.section().write(words, k.SECTION_AT)
    k.restart_watch(words, 0)


def reset_watch(arena: NDArray[Any], at: int) -> None:
    """Make the watch at ``at`` what :func:`new_watch` made it, for a new epoch."""
    k.restart_watch(arena, at)


def _iid_section(mode: int, arl0: float) -> Section:
    if mode == members.CUSUM:
        return Section(mode=mode, threshold=solve_threshold(arl0, k=CUSUM_ALLOWANCE))
    return Section(mode=mode, threshold=threshold_at(_TABLES[mode], arl0))


def _write_front(words: NDArray[Any], calibration: WatchCalibration) -> None:
    floats = float_bits(words)
    words[k.CALIBRATED] = 1
    words[k.DEGENERATE] = calibration.degenerate
    words[k.ORDER] = len(calibration.phi)
    floats[k.PHI : k.PHI + len(calibration.phi)] = calibration.phi
    floats[k.MEAN], floats[k.SIGMA] = calibration.mean, calibration.sigma
    floats[k.CLIP], floats[k.SIZE_FACTOR] = calibration.clip, calibration.size_factor
    floats[k.MEMORY] = calibration.bars


def _check(calibration: WatchCalibration, detector: str, arl0: float) -> None:
    if calibration.detector != detector:
        raise ConfigError(f"calibration is for detector {calibration.detector!r}, not for {detector!r}")
    if abs(calibration.arl0 - arl0) > 1e-9 * arl0:
        raise ConfigError(f"calibration promises arl0 {calibration.arl0:g}, not {arl0:g}")
