"""The shared promises, and what is said of arguments that cannot be."""

from collections.abc import Callable

import pytest

from msray.detectors import CUSUM, Detector, Ensemble, FOCuS, PageHinkley
from msray.errors import UsageError
from tests.checks.detectors import CHECKS, MAKERS

KINDS = [CUSUM, PageHinkley, FOCuS, Ensemble]


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
def test_detector_keeps_its_promises(
    check: Callable[[Callable[[], Detector]], None], make: Callable[[], Detector]
) -> None:
    check(make)


@pytest.mark.parametrize("kind", KINDS)
def test_arl0_and_threshold_name_each_other(kind: type[CUSUM | PageHinkley | FOCuS | Ensemble]) -> None:
    by_length = kind(arl0=3_600.0)
    by_height = kind(threshold=by_length.threshold)

    assert by_height.arl0 == pytest.approx(3_600.0, rel=1e-6)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({}, "exactly one of arl0 and threshold"),
        ({"arl0": 100.0, "threshold": 5.0}, "exactly one of arl0 and threshold"),
        ({"arl0": 5.0}, "arl0 must lie between 10 and 1e.09, got 5"),
        ({"arl0": float("nan")}, "arl0 must lie between"),
        ({"threshold": 0.0}, "threshold must be positive and finite, got 0"),
        ({"threshold": float("inf")}, "threshold must be positive and finite, got inf"),
    ],
)
def test_wrong_words_are_named(
    kind: type[CUSUM | PageHinkley | FOCuS | Ensemble], words: dict[str, float], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        kind(**words)
