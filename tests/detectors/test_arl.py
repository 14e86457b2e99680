"""Run lengths against published tables."""

import math

import pytest

from msray.detectors.arl import one_sided_arl, siegmund_arl, solve_threshold, two_sided_arl
from msray.errors import UsageError

SHIFTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)


@pytest.mark.parametrize(
    ("h", "published"),
    [
        (4.0, (168.0, 74.2, 26.6, 13.3, 8.38, 4.75, 3.34, 2.19)),  # Lucas and Crosier (1982)
        (5.0, (465.0, 139.0, 38.0, 17.0, 10.4, 5.75, 4.01, 2.57)),
    ],
)
def test_two_sided_run_lengths_are_those_of_lucas_and_crosier(h: float, published: tuple[float, ...]) -> None:
    for shift, length in zip(SHIFTS, published, strict=True):
        assert two_sided_arl(k=0.5, h=h, mean=shift) == pytest.approx(length, rel=0.005)


def test_two_sided_run_lengths_are_exact_to_the_last_digit_known() -> None:
    exact = {4.0: (167.68, 74.22, 26.63, 13.29, 8.383, 4.747, 3.343, 2.194)}
    exact[5.0] = (465.44, 139.49, 38.00, 17.05, 10.376, 5.747, 4.009, 2.573)

    for h, lengths in exact.items():
        for shift, length in zip(SHIFTS, lengths, strict=True):
            assert two_sided_arl(k=0.5, h=h, mean=shift) == pytest.approx(length, rel=5e-4)


def test_one_sided_run_lengths_are_published_ones() -> None:
    for mean, length in ((-0.5, 1963.0), (0.0, 117.6), (0.5, 17.35), (1.5, 3.75)):
        assert one_sided_arl(k=0.5, h=3.0, mean=mean) == pytest.approx(length, rel=1e-3)


def test_run_lengths_without_allowance_are_those_of_vance() -> None:
    lengths = (2071.5, 400.28, 124.66, 59.30, 36.71, 20.37, 14.06, 10.75)
    for mean, length in zip((-0.25, -0.125, 0.0, 0.125, 0.25, 0.5, 0.75, 1.0), lengths, strict=True):
        assert one_sided_arl(k=0.0, h=10.0, mean=mean) == pytest.approx(length, rel=4e-4)


def test_head_start_is_that_of_the_sas_manual() -> None:
    assert one_sided_arl(k=0.25, h=8.0, mean=2.5) == pytest.approx(4.15008, abs=1e-5)
    assert one_sided_arl(k=0.25, h=8.0, mean=2.5, start=0.1) == pytest.approx(4.10616, abs=1e-5)


def test_siegmund_is_close() -> None:
    for h, length in ((4.0, 169.05), (5.0, 469.11)):
        assert siegmund_arl(k=0.5, h=h) / 2.0 == pytest.approx(length, abs=0.005)
    assert siegmund_arl(k=0.5, h=5.0, mean=1.0) == pytest.approx(10.336, abs=5e-4)
    assert siegmund_arl(k=0.5, h=5.0, mean=0.5) == 6.166**2


@pytest.mark.parametrize(("k", "h"), [(0.25, 8.01), (0.5, 4.77), (0.75, 3.34), (1.0, 2.52), (1.25, 1.99), (1.5, 1.61)])
def test_threshold_for_370_is_that_of_the_textbook(k: float, h: float) -> None:
    assert solve_threshold(370.0, k=k) == pytest.approx(h, abs=0.01)


def test_threshold_rises_by_2_3_a_decade() -> None:
    heights = [solve_threshold(10.0**power, k=0.5) for power in range(3, 8)]

    assert heights == pytest.approx([5.757, 8.053, 10.355, 12.657, 14.960], abs=6e-4)


@pytest.mark.parametrize("arl0", [10.0, 465.44, 86_400.0, 1e9])
@pytest.mark.parametrize(("k", "start"), [(0.25, 0.0), (0.5, 0.0), (0.5, 1.0)])
def test_solved_threshold_has_the_run_length_asked_for(arl0: float, k: float, start: float) -> None:
    h = solve_threshold(arl0, k=k, start=start)

    assert two_sided_arl(k=k, h=h, start=start) == pytest.approx(arl0, rel=1e-6)


@pytest.mark.parametrize(
    ("arl0", "k", "start", "message"),
    [
        (9.0, 0.5, 0.0, "arl0 must lie between 10 and"),
        (math.inf, 0.5, 0.0, "arl0 must lie between 10 and"),
        (370.0, 0.0, 0.0, "k must lie between 0.1 and 5.0, got 0"),
        (370.0, 5.0, 0.0, "arl0 must be above 1.744e.06 for k=5.0"),
        (100.0, 0.5, 20.0, "arl0 must be above"),
    ],
)
def test_what_cannot_be_solved_is_refused(arl0: float, k: float, start: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        solve_threshold(arl0, k=k, start=start)
