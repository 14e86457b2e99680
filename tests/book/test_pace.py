"""When to ask for a snapshot: told the time, in nanoseconds that tests make up."""

import pytest

from msray.book.pace import SECOND, SnapshotPace, SyncLimits

LIMITS = SyncLimits()
START_NS = 1_700_000_000 * SECOND
MS = SECOND // 1000


def pace(**limits: int) -> SnapshotPace:
    made = SnapshotPace(SyncLimits(**limits))
    made.start(START_NS)
    return made


def due(of: SnapshotPace, seconds: float, *, synced: bool = False, needed: bool = True) -> bool:
    return of.is_due(START_NS + round(seconds * SECOND), is_synced=synced, is_needed=needed)


def test_a_need_is_due_at_once() -> None:
    assert due(pace(), 0.0)


def test_silence_is_due_after_a_while_and_a_new_connection_waits_again() -> None:
    of = pace()
    assert not due(of, 4.999, needed=False)
    assert due(of, 5.0, needed=False)

    of.start(START_NS + 4 * SECOND)

    assert not due(of, 8.9, needed=False)
    assert due(of, 9.0, needed=False)


def test_the_first_question_starts_the_wait_where_nobody_else_did() -> None:
    of = SnapshotPace(LIMITS)

    assert not due(of, 0.0, needed=False)
    assert not due(of, 4.9, needed=False)
    assert due(of, 5.0, needed=False)


def test_one_request_at_a_time() -> None:
    of = pace()
    of.asked(START_NS)

    assert not due(of, 14.9)
    of.answered()

    assert due(of, 14.9)


def test_a_request_is_overdue_when_it_should_have_been_answered() -> None:
    of = pace()
    assert not of.is_overdue(START_NS + 100 * SECOND), "nothing was asked"

    of.asked(START_NS)

    assert not of.is_overdue(START_NS + LIMITS.answer_wait_ns - 1)
    assert of.is_overdue(START_NS + LIMITS.answer_wait_ns)


def test_a_lost_connection_takes_its_request_with_it() -> None:
    of = pace()
    of.asked(START_NS)

    of.start(START_NS + SECOND)

    assert not of.is_overdue(START_NS + 100 * SECOND)
    assert due(of, 1.0)


def test_pauses_double_up_to_the_longest_and_are_short_again_after_a_success() -> None:
    of, pauses, now_ns = pace(), [], START_NS
    for _ in range(9):
        of.wait(now_ns)
        waited = 0
        while not of.is_due(now_ns + waited, is_synced=False, is_needed=True):
            waited += 100 * MS
        pauses.append(waited // (100 * MS))
        now_ns += waited

    of.synced(now_ns)
    of.wait(now_ns)

    assert pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert of.is_due(now_ns + LIMITS.retry_first_ns, is_synced=False, is_needed=True)


def test_failures_without_end_do_not_overflow() -> None:
    of = pace()
    for _ in range(10_000):
        of.wait(START_NS)

    assert not due(of, 29.9)
    assert due(of, 30.0)


def test_a_synced_book_is_audited_at_its_pace_whatever_else_is_needed() -> None:
    of = pace()
    of.synced(START_NS)

    assert not due(of, 299.9, synced=True)
    assert due(of, 300.0, synced=True, needed=False)


def test_an_audit_that_was_asked_for_is_not_asked_for_again_when_it_failed() -> None:
    of = pace()
    of.synced(START_NS)
    of.asked(START_NS + 300 * SECOND)
    of.answered()

    assert not due(of, 599.9, synced=True)
    assert due(of, 600.0, synced=True)


def test_audits_can_be_switched_off() -> None:
    of = pace(audit_every_ns=0)
    of.synced(START_NS)

    assert not due(of, 1e6, synced=True)


@pytest.mark.parametrize("synced", [True, False])
def test_a_pause_holds_whatever_is_wanted(synced: bool) -> None:
    of = pace(audit_every_ns=1)
    of.synced(START_NS)
    of.wait(START_NS)

    assert not due(of, 0.4, synced=synced)
    assert due(of, 0.5, synced=synced)


def test_an_audit_that_is_wished_for_comes_sooner_but_not_again_and_again() -> None:
    of = pace()
    of.synced(START_NS)
    of.wish()
    assert not due(of, 59.9, synced=True)
    assert due(of, 60.0, synced=True)

    of.asked(START_NS + 60 * SECOND)
    of.answered()
    of.wish()

    assert not due(of, 119.9, synced=True)
    assert due(of, 120.0, synced=True)


def test_where_audits_are_switched_off_a_wish_is_too() -> None:
    of = pace(audit_every_ns=0)
    of.synced(START_NS)

    of.wish()

    assert not due(of, 1000.0, synced=True)
