"""The ensemble against its members."""

import math

import numpy as np
import pytest

from msray.detectors import Ensemble
from msray.detectors.iid import IID_LINES
from tests.naive.detectors import likelihood_ratio, page, recursive_residuals, running_deviations


def test_statistic_and_shares_are_those_of_the_members() -> None:
    values = np.random.default_rng(2).normal(size=150)
    values[100:] += 0.8
    detector = Ensemble(threshold=1e6)

    for n, x in enumerate(values, start=1):
        detector.update(x)
        past = values[:n].tolist()
        members = (
            max(page(recursive_residuals(past, 0.0, 0.0, 1e9), 0.5)),
            max(page(running_deviations(past), 0.25)),
            likelihood_ratio(past, None)[0],
        )
        weights = [math.exp(a + b * s) for (a, b), s in zip(IID_LINES, members, strict=True)]

        assert detector.statistic == pytest.approx(math.log(sum(weights) / 3.0), abs=1e-10)
        assert list(detector.shares.values()) == pytest.approx([w / sum(weights) for w in weights], abs=1e-10)


def test_shares_sum_to_one_and_name_the_members() -> None:
    detector = Ensemble(arl0=100.0)
    detector.update_many([0.0, 0.1, 3.0, 3.0, 3.0, 3.0])

    assert list(detector.shares) == ["cusum", "page_hinkley", "focus"]
    assert sum(detector.shares.values()) == pytest.approx(1.0)


def test_it_follows_the_series_to_its_new_level() -> None:
    values = np.random.default_rng(6).normal(size=4_000) + np.repeat([0.0, 30.0, -10.0, 5.0], 1_000)

    alarms = Ensemble(arl0=100_000.0).update_many(values)

    assert alarms.tolist() == [1000, 2000, 3000]


@pytest.mark.parametrize(("shift", "delay"), [(0.5, 80.0), (1.0, 23.0), (2.0, 7.5)])
def test_planted_shifts_are_found_about_as_fast_as_by_its_best_member(shift: float, delay: float) -> None:
    """Mean delays at one false alarm in 39,000; the best detector tuned for each shift needs 59, 18.9 and 5.8."""
    streams = np.random.default_rng(8).normal(size=(150, 700))
    delays = []
    for stream in streams:
        detector = Ensemble(arl0=39_000.0)
        if len(detector.update_many(stream[:300])) == 0:
            delays += [int(i) + 1 for i in detector.update_many(stream[300:] + shift)[:1]]

    assert len(delays) >= 140
    assert np.mean(delays) == pytest.approx(delay, rel=0.2)
