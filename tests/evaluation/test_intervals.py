"""Wilson's interval."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.errors import UsageError
from msray.evaluation import wilson_interval


@pytest.mark.parametrize(
    ("found", "of", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_intervals_are_those_of_newcombe(found: int, of: int, low: float, high: float) -> None:
    """Newcombe (1998), "Two-sided confidence intervals for the single proportion", table I, method 3."""
    assert wilson_interval(found, of) == pytest.approx((low, high), abs=5e-5)


@given(of=st.integers(1, 10**9), share=st.floats(0, 1), level=st.floats(1e-9, 1 - 1e-9))
def test_interval_holds_the_share_and_grows_with_the_level(of: int, share: float, level: float) -> None:
    found = round(share * of)

    low, high = wilson_interval(found, of, level=level)
    wide = wilson_interval(found, of, level=(1 + level) / 2)

    assert 0.0 <= wide[0] <= low <= found / of <= high <= wide[1] <= 1.0


def test_nothing_to_share_is_nothing_known() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("found", "of", "level", "message"),
    [
        (3, 2, 0.95, "found must be 0 to 2, got 3"),
        (-1, 2, 0.95, "found must be 0 to 2, got -1"),
        (1, 2, 1.0, "level must be above 0 to below 1, got 1.0"),
        (1, 2, 95.0, "level must be above 0 to below 1, got 95.0"),
    ],
)
def test_what_is_no_share_is_refused(found: int, of: int, level: float, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        wilson_interval(found, of, level=level)
