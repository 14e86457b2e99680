"""Kernels against their twins."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.labels import Barriers, Prices, triple_barrier
from msray.labels import kernels as k
from tests.naive import labels as naive
from tests.naive.labels import Row


@settings(max_examples=25)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.sampled_from([1, 31, 32, 33, 1023, 1024, 1025, 3000]),
    width=st.sampled_from([0.002, 0.02, 0.06, 0.4]),
    extent=st.sampled_from([0.0, 2.0]),
)
def test_blocks_hide_no_touch(seed: int, rows: int, width: float, extent: float) -> None:
    """On walks that are long enough for blocks of both sizes to be passed, against the definition."""
    rng = np.random.default_rng(seed)
    close = 1000.0 + np.round(rng.normal(size=rows).cumsum())
    path = (close - extent, close + extent, close)
    events = np.sort(rng.integers(0, rows, 20))
    holding_ns = int(rng.integers(1, rows + 1))
    side = rng.choice([1, -1], len(events))
    bars = [Row(at_ns, row, row) for at_ns, row in enumerate(zip(*(p.tolist() for p in path), strict=True))]

    labels = triple_barrier(
        Prices.of_bars(np.arange(rows), path, path),
        events,
        side,
        barriers=Barriers(profit_target_pct=width, stop_loss_pct=width, max_holding_s=holding_ns / 1e9),
    )

    expected = [
        naive.triple_barrier(bars, at_ns, s, width, width, holding_ns)
        for at_ns, s in zip(events.tolist(), side.tolist(), strict=True)
    ]
    kept = [one for one in expected if isinstance(one, naive.Outcome)]
    assert labels.barrier.tolist() == [one.barrier for one in kept]
    assert labels.spans[:, 1].tolist() == [one.end_ns for one in kept]


@given(at_ns=st.lists(st.integers(0, 60), max_size=60).map(sorted), times=st.lists(st.integers(0, 61), max_size=30))
def test_rows_after_times_in_any_order_are_those_of_a_search_of_all(at_ns: list[int], times: list[int]) -> None:
    out = np.zeros(len(times), np.int64)

    k.rows_after(np.array(at_ns, np.int64), np.array(times, np.int64), out)

    assert out.tolist() == [sum(at <= time for at in at_ns) for time in times]


def test_extremes_of_a_block_are_those_of_the_rows_it_knows() -> None:
    low, high = np.array([3.0, 1.0, np.nan, 2.0, np.nan]), np.array([4.0, 6.0, np.nan, 2.0, np.nan])
    out = np.zeros((3, 2))

    k.block_extremes(low, high, 2, out)

    assert out.tolist() == [[1.0, 6.0], [2.0, 2.0], [np.inf, -np.inf]]


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(-10, 10)), max_size=20))
def test_decayed_sums_are_those_of_all_past_values(pairs: list[tuple[float, float]]) -> None:
    keep, values = (np.array(column, float) for column in (zip(*pairs, strict=True) if pairs else ([], [])))
    out = np.zeros(len(values))

    k.decayed_sums(keep, values, out)

    assert out == pytest.approx(naive.decayed_sums(keep.tolist(), values.tolist()), abs=1e-9)
