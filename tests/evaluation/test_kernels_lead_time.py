"""The matching against its slow twin and against the best there is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from msray.evaluation.kernels_lead_time import match_alarms
from tests.naive.lead_time import leads, most_found

TIMES = st.lists(st.integers(0, 30), max_size=12)


@given(onsets=TIMES, alarms=TIMES, window=st.tuples(st.integers(0, 12), st.integers(0, 12)))
def test_matching_equals_its_naive_twin_and_no_other_finds_more(
    onsets: list[int], alarms: list[int], window: tuple[int, int]
) -> None:
    minimum_lead, horizon = sorted(window)
    out = np.full(len(onsets), 99, np.int64)

    found = match_alarms(
        np.sort(np.array(onsets, np.int64)), np.sort(np.array(alarms, np.int64)), horizon, minimum_lead, out
    )

    assert out.tolist() == leads(onsets, alarms, horizon, minimum_lead)
    assert found == (out >= 0).sum() == most_found(onsets, alarms, horizon, minimum_lead)
