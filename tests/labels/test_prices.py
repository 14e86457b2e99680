"""What prices may be, and which are in force."""

import numpy as np
import pytest
from numpy.typing import ArrayLike

from msray.errors import UsageError
from msray.labels import Prices

NAN = float("nan")


def test_quotes_of_the_right_kind_are_not_copied() -> None:
    bid, ask = np.array([99.0, 100.0]), np.array([101.0, 101.0])

    prices = Prices.of_quotes(np.array([1, 2]), bid, ask)

    assert prices.bid.low is prices.bid.high is prices.bid.close is bid
    assert prices.ask.close is ask
    assert prices.mid.tolist() == [100.0, 100.5]


def test_the_last_row_of_a_time_is_in_force_until_the_next_or_a_gap() -> None:
    prices = Prices.of_quotes([10, 10, 20, 30, 40], [1, 2, 3, NAN, 5], [1, 2, 3, NAN, 5])

    assert prices.row_at(np.array([9, 10, 19, 20, 30, 39, 40, 99])).tolist() == [-1, 1, 1, 2, -1, -1, 4, 4]
    assert prices.known_until_ns(np.array([1, 2, 4])).tolist() == [29, 29, 40]


def test_a_last_row_of_a_gap_says_how_long_the_last_quote_stood() -> None:
    prices = Prices.of_quotes([10, 50], [1, NAN], [2, NAN])

    assert prices.known_until_ns(np.array([0])).tolist() == [49]


def test_no_price_is_ever_known_where_there_are_none() -> None:
    prices = Prices.of_quotes([], [], [])

    assert len(prices) == 0
    assert prices.row_at(np.array([5])).tolist() == [-1]
    assert len(prices.known_until_ns(np.array([-1]))) == 1


@pytest.mark.parametrize(
    ("at_ns", "bid", "ask", "message"),
    [
        ([1, 2, 1], [1, 1, 1], [2, 2, 2], "at_ns must not go back in time, got 1 in row 2"),
        ([1.5], [1], [2], "at_ns must be whole numbers in 1 dimension, got float64"),
        ([-1], [1], [2], "at_ns must be 0 to 4611686018427387903, got -1 in row 0"),
        ([1, 2], [1], [2, 2], "bid must have 2 rows as the others have, got 1"),
        ([1, 2], [1, 0], [2, 2], r"bid must be above 0 to 1e\+100, got 0.0 in row 1"),
        ([1], [1], [float("inf")], r"ask must be above 0 to 1e\+100, got inf in row 0"),
        ([1, 2], [1, NAN], [2, 2], "bid and ask must be NaN together, in row 1"),
        ([1, 2], [1, 3], [2, 2], "bid must not be above ask, in row 1 3.0 is above 2.0"),
    ],
)
def test_quotes_that_cannot_be_are_refused(at_ns: ArrayLike, bid: ArrayLike, ask: ArrayLike, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Prices.of_quotes(at_ns, bid, ask)


@pytest.mark.parametrize(
    ("bid", "ask", "message"),
    [
        (([1], [3], [4]), ([5], [7], [6]), "bid must close between its low and its high, in row 0"),
        (([NAN], [3], [2]), ([5], [7], [6]), "bid must close between its low and its high, in row 0"),
        (([1], [3]), ([5], [7], [6]), "bid must be low, high and close, got 2 arrays"),
        (([1], [3], [2]), ([0.5], [7], [6]), r"bid \(low\) must not be above ask \(low\), in row 0"),
        (([1], [3], [2]), ([NAN], [NAN], [NAN]), "must be NaN together"),
    ],
)
def test_bars_that_cannot_be_are_refused(bid: list[list[float]], ask: list[list[float]], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Prices.of_bars([1], bid, ask)
