from hypothesis import given
from hypothesis import strategies as st

from msray.feeds.batch import MOST_BYTES, MOST_FRAMES, FrameBatch
from msray.prediction import Arrived
from tests.feeds.made import frame_rows


@given(st.lists(st.lists(st.binary(max_size=50), min_size=1, max_size=20), max_size=5))
def test_frames_come_out_as_they_went_in(batches: list[list[bytes]]) -> None:
    now = iter(range(1000))
    batch = FrameBatch(lambda: next(now))
    taken = []

    for payloads in batches:
        for i, payload in enumerate(payloads):
            batch.add((payload, bytearray(payload), memoryview(payload))[i % 3])
        assert len(batch) == len(payloads)
        taken.append(Arrived("v", batch.take()))
        assert len(batch) == 0

    flat = [payload for payloads in batches for payload in payloads]
    assert [(row[2], row[3]) for row in frame_rows(taken)] == list(enumerate(flat))
    assert all(not event.frames.buffer[-64:].any() for event in taken)
    assert all(event.frames.buffer.flags.writeable for event in taken)  # else the scanner is compiled once more


def test_what_was_taken_does_not_change_when_more_comes() -> None:
    batch = FrameBatch(lambda: 0)
    batch.add(b"first")
    first = batch.take()

    batch.add(b"second")

    assert frame_rows([Arrived("v", first)])[0][3] == b"first"


def test_a_batch_is_full_by_frames_or_by_bytes() -> None:
    batch = FrameBatch(lambda: 0)
    assert [batch.add(b"") for _ in range(MOST_FRAMES)] == [False] * (MOST_FRAMES - 1) + [True]

    batch.take()
    assert [batch.add(bytes(MOST_BYTES // 2)) for _ in range(2)] == [False, True]


def test_a_text_is_found_in_what_is_gathered_only() -> None:
    batch = FrameBatch(lambda: 0)
    batch.add(b'{"e":"serverShutdown"}')

    assert batch.mentions(b"serverShutdown")
    batch.take()
    assert not batch.mentions(b"serverShutdown")
