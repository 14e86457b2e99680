"""Frames of one connection, gathered until the loop turns: many are decoded nearly as cheaply as one."""

from collections.abc import Callable

import numpy as np

from msray.venues import SPARE_BYTES, Frames

MOST_FRAMES = 1_024
MOST_BYTES = 4 << 20
_SPARE = bytes(SPARE_BYTES)


class FrameBatch:
    """What a connection brought since the last :meth:`take`.

    Parameters
    ----------
    now_ns
        Local time, read once a frame.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._payloads: list[bytes] = []
        self._local_ns: list[int] = []
        self._size = 0

    def __len__(self) -> int:
        return len(self._payloads)

    def add(self, payload: bytes | bytearray | memoryview) -> bool:
        """Append a frame; returns True where the batch is full and should be taken now."""
        self._payloads.append(bytes(payload))
        self._local_ns.append(self._now_ns())
        self._size += len(payload)
        return self._size >= MOST_BYTES or len(self._payloads) >= MOST_FRAMES

    def mentions(self, text: bytes) -> bool:
        """Whether the text stands anywhere in the frames gathered."""
        return text in b"".join(self._payloads)

    def take(self) -> Frames:
        """Everything since the last call, in one buffer; the batch is empty after."""
        payloads, local_ns = self._payloads, self._local_ns
        self._payloads, self._local_ns, self._size = [], [], 0
        end = np.fromiter(map(len, payloads), np.int64, len(payloads)).cumsum()
        begin = np.zeros_like(end)
        begin[1:] = end[:-1]
        payloads.append(_SPARE)
        return Frames(np.frombuffer(bytearray().join(payloads), np.uint8), begin, end, np.array(local_ns, np.int64), -1)
