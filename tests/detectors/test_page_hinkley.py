"""Page-Hinkley against its definition."""

import numpy as np
import pytest

from msray.detectors import PageHinkley
from tests.naive.detectors import page, running_deviations


def test_statistic_is_that_of_its_definition() -> None:
    values = np.random.default_rng(2).normal(size=120)
    values[60:] += 0.7
    detector = PageHinkley(threshold=1e6)

    for n, x in enumerate(values, start=1):
        detector.update(x)
        up, down = page(running_deviations(values[:n].tolist()), 0.25)

        assert detector.statistic == pytest.approx(max(up, down), abs=1e-12)
        assert detector.direction == np.sign(up - down)


def test_level_does_not_matter() -> None:
    values = np.random.default_rng(4).integers(-3, 4, size=400).astype(float)

    near, far = PageHinkley(threshold=8.0), PageHinkley(threshold=8.0)

    assert near.update_many(values).tolist() == far.update_many(values + 2.0**20).tolist()
    assert far.statistic == pytest.approx(near.statistic, abs=1e-6)
