import pytest

from msray.backtest.config import SECOND
from msray.backtest.folds import cut_time, span_of, utc_days
from msray.backtest.risk import DAY_NS
from msray.errors import UsageError
from tests.backtest.made import depth, gap, records, tape


def test_folds_have_one_length_and_leave_nothing_out():
    folds = cut_time(1000, 2003, 10)

    assert [begin for begin, _ in folds[1:]] == [end for _, end in folds[:-1]]
    assert (folds[0][0], folds[-1][1]) == (1000, 2003)
    assert {end - begin for begin, end in folds} == {100, 101}


@pytest.mark.parametrize("count", [0, 11])
def test_a_time_that_cannot_be_cut_so_often_is_refused(count):
    with pytest.raises(UsageError, match=f"count must be 1 to 10, the nanoseconds to be cut, got {count}"):
        cut_time(0, 10, count)


def test_days_end_at_midnight():
    noon = DAY_NS // 2

    assert utc_days(noon, 2 * DAY_NS + noon) == [
        (noon, DAY_NS),
        (DAY_NS, 2 * DAY_NS),
        (2 * DAY_NS, 2 * DAY_NS + noon),
    ]
    assert utc_days(DAY_NS, 2 * DAY_NS) == [(DAY_NS, 2 * DAY_NS)]


def test_a_span_begins_with_the_first_event_that_has_a_time():
    tapes = [tape(records(gap(0), depth(9 * SECOND))), tape(records(depth(4 * SECOND))), tape(records())]

    assert span_of(tapes) == (4 * SECOND, 9 * SECOND + 1)
    assert span_of([]) == (0, 1)
