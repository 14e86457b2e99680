from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from msray.backtest.agenda import NEVER_NS
from msray.backtest.quotes import Quotes
from msray.market import Side
from tests.backtest.made import INSTRUMENT

UNIT = INSTRUMENT.exact_price(1)


def quotes(*pieces):
    made = Quotes()
    for rows in pieces:
        known_ns = np.array([row[0] for row in rows], np.int64)
        bests = np.array([(bid, 1, ask, 1) for _, bid, ask in rows], np.int64).reshape(-1, 4)
        made.feed(INSTRUMENT, known_ns, bests, np.arange(len(rows), dtype=float).reshape(-1, 1))
    return made


def test_nothing_is_known_before_it_is():
    made = quotes([(10, 99, 101), (20, 98, 101)], [(20, 97, 101), (30, 96, 101)])

    seen = []
    for now_ns in (5, 10, 19, 20, 29, 30):
        made.go_to(now_ns)
        seen.append(None if made.last is None else made.last.bid_tick)

    assert seen == [None, 99, 99, 97, 97, 96]


def test_a_book_with_an_empty_side_leaves_the_last_whole_one():
    made = quotes([(10, 99, 101), (20, -1, 101), (30, 99, 2**31 - 1)])

    made.go_to(40)

    assert (made.last.known_ns, made.last.bid_tick, made.last.mid_price) == (10, 99, 100 * UNIT)


def test_values_are_those_of_the_newest_row():
    made = quotes([(10, 99, 101), (20, 98, 101), (30, 97, 101)])

    made.go_to(25)

    assert made.values.tolist() == [1.0]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(95, 105), st.integers(1, 3)), min_size=1, max_size=40),
    st.lists(st.integers(1, 39), max_size=3),
    st.integers(0, 400),
    st.sampled_from(Side),
    st.tuples(st.integers(90, 110), st.integers(90, 110)),
)
def test_a_touch_is_the_first_row_at_or_beyond_a_price(path, cuts, now_ns, side, bounds):
    rows = [(10 * i, bid, bid + spread) for i, (bid, spread) in enumerate(path)]
    edges = [0, *sorted(cuts), len(rows)]
    made = quotes(*(rows[begin:end] for begin, end in pairwise(edges)))
    made.go_to(now_ns)
    low, high = min(bounds), max(bounds)

    found = made.next_touch(side, low * UNIT, high * UNIT)

    known = [row for row in rows if row[0] <= now_ns][-1:]
    later = known + [row for row in rows if row[0] > now_ns]
    column = 1 if side is Side.BUY else 2
    touching = [row[0] for row in later if not low < row[column] < high]
    assert found == (touching[0] if touching else NEVER_NS)


def test_the_book_is_known_from_the_first_quote_to_a_gap_and_from_the_next_quote_on():
    made = quotes([(10, 99, 101), (20, 98, 101), (40, 97, 101)])
    made.lose(np.array([20, 30]))

    seen = []
    for now_ns in (5, 10, 20, 30, 39, 40):
        made.go_to(now_ns)
        seen.append(made.is_synced)

    assert seen == [False, True, False, False, False, True]
