import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from msray.errors import UsageError
from msray.labels import Prices, completed_moves


def naive(times, mids, share):
    found, reference = [], None
    for at_ns, mid in zip(times, mids, strict=True):
        if np.isnan(mid):
            reference = None
        elif reference is None:
            reference = mid
        elif mid <= reference * (1.0 - share) or mid >= reference * (1.0 + share):
            found.append(at_ns)
            reference = mid
    return found


@given(
    st.lists(st.one_of(st.integers(90, 110).map(float), st.just(float("nan"))), max_size=60),
    st.sampled_from([0.005, 0.02, 0.1, 0.4]),
)
def test_a_move_is_complete_when_the_price_has_come_so_far_from_the_last_one(mids, share):
    times = np.arange(len(mids)) * 10
    prices = Prices.of_quotes(times, np.array(mids, float), np.array(mids, float))

    assert completed_moves(prices, share).tolist() == naive(times, mids, share)


@pytest.mark.parametrize("share", [0.0, 0.5, 5.0, float("nan")])
def test_a_move_is_a_fraction(share):
    with pytest.raises(UsageError, match="move_pct must be"):
        completed_moves(Prices.of_quotes([1], [1.0], [1.0]), share)
