import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from msray.arguments import (
    MOST_NS,
    MOST_VALUE,
    checked_array,
    checked_count,
    checked_duration_ns,
    checked_fraction,
    checked_number,
    checked_numbers,
    checked_spans,
    checked_times,
    checked_whole,
)
from msray.errors import UsageError

NO_NUMBERS = {
    "<U1": ["a"],
    "bool": [True],
    "object": [1, None],
    "complex128": [1j],
    "datetime64": np.zeros(1, "M8[ns]"),
}


def test_an_array_of_the_right_kind_is_not_copied() -> None:
    floats, whole = np.array([1.0, 2.0]), np.array([1, 2])

    assert checked_array("x", floats) is checked_numbers("x", floats) is floats
    assert checked_array("x", whole) is checked_whole("x", whole) is checked_times("x", whole) is whole


@pytest.mark.parametrize("values", [[1, 2], np.array([1, 9, 2])[::2], np.array([1, 2], np.float32), (1.0, 2)])
def test_numbers_of_any_kind_become_float64_in_a_row(values: Any) -> None:
    array = checked_numbers("x", values)

    assert array.tolist() == [1.0, 2.0]
    assert array.dtype == np.float64 and array.flags.c_contiguous


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64])
def test_whole_numbers_of_any_width_become_int64(dtype: Any) -> None:
    assert checked_whole("x", np.array([0, 7], dtype), least=-MOST_NS).dtype == np.int64


@pytest.mark.parametrize("check", [checked_array, checked_numbers, checked_whole, checked_times, checked_spans])
def test_what_is_no_number_is_refused_everywhere(check: Any) -> None:
    for dtype, values in NO_NUMBERS.items():
        with pytest.raises(UsageError, match=rf"^x must be (whole )?numbers in 1 .*, got {dtype}"):
            check("x", values)
    with pytest.raises(UsageError, match="numbers, got rows of several lengths"):
        check("x", [[1, 2], [3]])
    with pytest.raises(UsageError, match="numbers in 1 "):
        check("x", [[[1]]])
    with pytest.raises(UsageError, match="numbers in 1 "):
        check("x", 1)


def test_datetimes_are_told_how_they_become_nanoseconds() -> None:
    with pytest.raises(UsageError) as refused:
        checked_whole("at_ns", NO_NUMBERS["datetime64"])

    assert refused.value.hint == 'times become ns by .astype("datetime64[ns]").astype("int64")'


def test_an_empty_list_is_one_of_each_kind() -> None:
    assert checked_numbers("x", []).dtype == np.float64
    assert checked_whole("x", []).dtype == checked_times("x", []).dtype == np.int64
    assert checked_spans("x", []).shape == (0, 2)
    with pytest.raises(UsageError, match="got <U1"):
        checked_whole("x", np.zeros(0, "U1"))


def test_as_many_rows_are_asked_for_as_another_argument_has() -> None:
    assert len(checked_numbers("bid", [1, 2], rows=2)) == len(checked_times("at_ns", [1, 2], rows=2)) == 2
    with pytest.raises(UsageError, match="bid must have 3 rows as the others have, got 2"):
        checked_numbers("bid", [1, 2], rows=3)


def test_nan_is_a_number_only_where_it_may_be_and_infinity_nowhere() -> None:
    assert math.isnan(checked_numbers("x", [math.nan], above=0, may_be_nan=True)[0])
    for wrong in (math.nan, math.inf, -math.inf):
        with pytest.raises(UsageError, match=rf"x must be -1e\+100 to 1e\+100, got {wrong} in row 1"):
            checked_numbers("x", [1, wrong])
    with pytest.raises(UsageError, match=r"x must be above 0 to 1e\+100, got inf in row 0"):
        checked_numbers("x", [math.inf], above=0, may_be_nan=True)


def test_the_first_number_out_of_range_is_named() -> None:
    assert checked_numbers("x", [0, 1], least=0, most=1).tolist() == [0.0, 1.0]
    with pytest.raises(UsageError, match=r"x must be 0 to 1, got 2\.0 in row 1, column 0"):
        checked_numbers("x", [[0, 1], [2, 3]], dimensions=(2,), least=0, most=1)
    with pytest.raises(UsageError, match=r"got 0\.0 in row 0"):
        checked_numbers("x", [0.0], above=0)


@pytest.mark.parametrize("wrong", [[1.0], [MOST_NS + 1], [-1], np.array([1 << 63], np.uint64), np.array([-1], np.int8)])
def test_times_that_no_int64_can_add_up_are_refused(wrong: Any) -> None:
    assert np.array([MOST_NS]) + checked_whole("x", [MOST_NS]) == 2 * MOST_NS
    for check in (checked_whole, checked_times):
        with pytest.raises(UsageError, match="x must be"):
            check("x", wrong)


def test_times_may_stand_still_or_lie_before_1970_where_it_is_said() -> None:
    assert checked_times("x", [-2, -2, 5], least=-MOST_NS).tolist() == [-2, -2, 5]
    with pytest.raises(UsageError, match="x must not go back in time, got -3 in row 1"):
        checked_times("x", [-2, -3], least=-MOST_NS)


def test_spans_are_rows_of_begin_and_end() -> None:
    assert checked_spans("x", [(-3, -3)], least=-3).tolist() == [[-3, -3]]
    for wrong in ([1, 2], [[1, 2, 3]], np.zeros((0, 3))):
        with pytest.raises(UsageError, match="x must be rows of begin and end, got shape"):
            checked_spans("x", wrong)
    with pytest.raises(UsageError, match=r"x must not end before they begin, got \[3, 2\] in row 1"):
        checked_spans("x", [[0, 1], [3, 2]])
    with pytest.raises(UsageError, match="x must be one or more rows of begin and end"):
        checked_spans("x", [], at_least_one=True)


@pytest.mark.parametrize("value", [True, 2.0, "2", None, [2]])
def test_a_count_is_a_whole_number(value: Any) -> None:
    assert checked_count("k", np.int8(2), 2, 2) == 2
    with pytest.raises(UsageError, match="k must be a whole number, got "):
        checked_count("k", value, 1, 3)


@pytest.mark.parametrize("value", [True, "0.5", None, [0.5], Decimal("0.5"), 1j])
def test_a_number_is_a_real_one(value: Any) -> None:
    assert checked_number("x", np.float32(0.5)) == checked_number("x", Fraction(1, 2)) == 0.5
    with pytest.raises(UsageError, match="x must be a number, got "):
        checked_number("x", value)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 2 * MOST_VALUE])
def test_a_number_is_finite(value: float) -> None:
    with pytest.raises(UsageError, match=r"x must be 0 to 1e\+100, got "):
        checked_number("x", value, least=0)


@pytest.mark.parametrize(
    ("ends", "inside", "outside", "rule"),
    [
        ({"least": 0, "most": 1}, (0, 1), (-0.1, 1.1), "0 to 1"),
        ({"above": 0, "below": 1}, (0.1, 0.9), (0, 1), "above 0 to below 1"),
        ({"least": 0, "below": 1}, (0, 0.9), (-0.1, 1), "0 to below 1"),
        ({"above": 0}, (1e-300, MOST_VALUE), (0, -1), r"above 0 to 1e\+100"),
    ],
)
def test_ends_belong_to_a_range_or_not(ends: Any, inside: Any, outside: Any, rule: str) -> None:
    assert [checked_number("x", value, **ends) for value in inside] == list(inside)
    for value in outside:
        with pytest.raises(UsageError, match=f"x must be {rule}, got {value}"):
            checked_number("x", value, **ends)


def test_a_percentage_is_told_what_a_fraction_is() -> None:
    with pytest.raises(UsageError, match=r"x must be 0 to below 0\.5, got 5") as refused:
        checked_fraction("x", 5, least=0)

    assert refused.value.hint == "it is a fraction: 0.005 is 0.5 %"


def test_seconds_are_counted_in_nanoseconds() -> None:
    assert checked_duration_ns("x_s", 1e-9) == 1
    assert checked_duration_ns("x_s", 1e8) == 10**17
    with pytest.raises(UsageError, match="x_s must be 1e-09 to 100000000, got 0"):
        checked_duration_ns("x_s", 0)
