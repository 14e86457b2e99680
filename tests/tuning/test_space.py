"""An axis is a range or some choices, and says why it is neither."""

import pytest
from pydantic import ValidationError

from msray.tuning import Axis


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({}, "must have low and high, or choices"),
        ({"low": 1.0}, "must have low and high, or choices"),
        ({"low": 1.0, "high": 2.0, "choices": (1, 2)}, "must have either low and high or choices, got both"),
        ({"low": 2.0, "high": 2.0}, "low must be below high, got 2.0 and 2.0"),
        ({"low": 0.0, "high": 2.0, "log": True}, "low must be above 0 where log is true, got 0.0"),
        ({"low": 1.2, "high": 1.8, "whole": True}, "low to high must hold a whole number, got 1.2 to 1.8"),
        ({"choices": (1, 1)}, "choices must be different"),
        ({"low": float("nan"), "high": 2.0}, "finite number"),
        ({"low": 1.0, "hihg": 2.0}, "Extra inputs are not permitted"),
    ],
)
def test_what_is_no_axis_is_refused(words: dict, why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        Axis(**words)


def test_the_ends_of_whole_numbers_are_whole() -> None:
    assert Axis(low=1.5, high=7.2, whole=True).ends == (2, 7)
