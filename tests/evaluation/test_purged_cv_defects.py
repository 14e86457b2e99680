"""What goes wrong in other splitters, and must not here: one test a defect."""

import numpy as np
import pytest

from msray.evaluation import CombinatorialPurgedCV, PurgedKFold, PurgedWalkForward, Role, audit_splits
from tests.evaluation.labels import bars, random_spans

BARE = {"purge_ns": 0, "embargo_ns": 0}


def test_purging_begins_at_the_start_of_the_first_test_label_not_at_its_end() -> None:
    """mlfinlab 295 and 494, openquant 65: labels that reach into the block before its first label ends stayed."""
    spans = [[0, 5], [1, 12], [10, 30], [20, 40]]  # the second ends within the first test label

    assert PurgedKFold(spans, 2, **BARE).roles(1).tolist() == [Role.TRAIN, Role.PURGED, Role.TEST, Role.TEST]


def test_labels_of_ten_bars_leave_no_leak_in_any_of_five_folds() -> None:
    """mlfinpy 0.1.2: nine rows leak in each of four folds."""
    spans = bars(100, 9)
    cv = PurgedKFold(spans, 5, **BARE)

    assert audit_splits(cv.split(), spans).leaking_rows == 0
    assert [cv.describe(split).purged_rows for split in range(5)] == [9, 18, 18, 18, 9]


@pytest.mark.parametrize("seed", range(3))
def test_labels_of_any_length_are_split(seed: int) -> None:
    """mlfinpy 0.1.2 raises that training and test rows intersect."""
    spans = random_spans(seed, 100)

    for train, test in PurgedKFold(spans, **BARE).split():
        assert set(train).isdisjoint(test)


def test_combinations_keep_the_embargo_they_were_given() -> None:
    """mlfinpy 0.1.2 sets it to 0 inside ``split``."""
    cv = CombinatorialPurgedCV(bars(60, 0), 6, 2, purge_ns=0, embargo_ns=3)

    assert [cv.describe(split).embargoed_rows for split in (0, 1)] == [3, 6]
    assert list(cv.split()) and cv.embargo_ns == 3


def test_a_block_ends_with_its_latest_label_not_with_its_last() -> None:
    """Same family: the window's end was taken from the last test label, the maximum is an earlier one's."""
    spans = [[0, 25], [10, 12], [20, 22], [30, 32]]

    assert PurgedKFold(spans, 2, **BARE).roles(0).tolist() == [Role.TEST, Role.TEST, Role.PURGED, Role.TRAIN]


def test_embargo_begins_at_the_end_of_the_labels_of_the_block() -> None:
    """timeseriescv 8: the embargo was counted from the wrong row."""
    spans = [[0, 9], [5, 20], [21, 22], [24, 25], [26, 27], [40, 41]]

    roles = PurgedKFold(spans, 3, purge_ns=0, embargo_ns=4).roles(0).tolist()

    assert roles == [Role.TEST, Role.TEST, Role.EMBARGOED, Role.EMBARGOED, Role.TRAIN, Role.TRAIN]


def test_ends_need_not_be_in_order() -> None:
    """timeseriescv demands sorted ends, which those of triple barriers are not."""
    spans = [[0, 90], [10, 11], [20, 80], [30, 31], [40, 41], [95, 96]]

    roles = PurgedKFold(spans, 3, **BARE).roles(2).tolist()

    assert roles == [Role.PURGED, Role.TRAIN, Role.PURGED, Role.TRAIN, Role.TEST, Role.TEST]


def test_labels_between_test_blocks_that_are_apart_stay() -> None:
    """Vibe-Trading 1204: the blocks were taken for one span, and everything between them was purged."""
    cv = CombinatorialPurgedCV(bars(60, 1), 6, 2, **BARE)

    roles = cv.roles(4)  # the first and the last group

    assert np.flatnonzero(roles == Role.TRAIN).tolist() == list(range(11, 49))


@pytest.mark.parametrize("rows", [59, 99])
def test_remaining_rows_are_spread_over_the_groups(rows: int) -> None:
    """skfolio 1.12.2 puts all of them in the last group: 14 against 5 of 59, 18 against 9 of 99."""
    cv = CombinatorialPurgedCV(bars(rows, 0), 10, 1, **BARE)

    sizes = [cv.describe(split).test_rows for split in range(10)]

    assert sum(sizes) == rows
    assert set(sizes) == {rows // 10, rows // 10 + 1}


def test_as_many_rows_are_purged_as_labels_reach() -> None:
    """skfolio purges a fixed number of rows: a leak for long labels, a waste for short ones."""
    spans = bars(90, 0)
    spans[20:30, 1] += 15  # reach into 30 to 44

    cv = PurgedKFold(spans, 3, **BARE)

    assert np.flatnonzero(cv.roles(1) == Role.PURGED).tolist() == list(range(20, 30))
    assert cv.describe(2).purged_rows == 0


def test_a_label_that_ends_as_the_test_block_starts_is_purged() -> None:
    """purgedcv 0.1.11 takes spans for half open, and such a label stays."""
    spans = [[0, 5], [1, 10], [10, 11], [12, 13]]

    assert PurgedKFold(spans, 2, **BARE).roles(1).tolist() == [Role.TRAIN, Role.PURGED, Role.TEST, Role.TEST]
    assert PurgedWalkForward(spans, 1, purge_ns=0).roles(0).tolist()[:2] == [Role.TRAIN, Role.PURGED]


def test_margins_come_on_top_of_exact_purging_and_do_not_replace_it() -> None:
    """A purge of 1 % of the data knows nothing of labels that last longer."""
    spans = bars(1000, 50)
    cv = PurgedKFold(spans)

    audit = audit_splits(cv.split(), spans, purge_ns=cv.purge_ns, embargo_ns=cv.embargo_ns)

    assert (audit.overlapping_pairs, audit.needless_rows) == (0, 0)
    assert cv.describe(2).purged_rows == 50 + cv.purge_ns + 50
    assert cv.describe(2).embargoed_rows == cv.embargo_ns
