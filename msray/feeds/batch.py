"""Frames of one connection, gathered until the loop turns: many are decoded nearly as cheaply as one."""

from array import array
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
        self._bytes = bytearray()
        self._ends = array("q")
        self._local_ns = array("q")

    def __len__(self) -> int:
        return len(self._ends)

    def add(self, payload: bytes | bytearray | memoryview) -> bool:
        """Append a frame; returns True where the batch is full and should be taken now."""
        self._bytes += payload
        self._ends.append(len(self._bytes))
        self._local_ns.append(self._now_ns())
        return len(self._ends) >= MOST_FRAMES or len(self._bytes) >= MOST_BYTES

    def mentions(self, text: bytes) -> bool:
        """Whether the text stands anywhere in the frames gathered."""
        return text in self._bytes

    def take(self) -> Frames:
        """Everything since the last call, without a copy; the batch is empty after."""
        data, ends, local_ns = self._bytes, self._ends, self._local_ns
        self._bytes, self._ends, self._local_ns = bytearray(), array("q"), array("q")
        data += _SPARE
        end = np.frombuffer(ends, np.int64)
        begin = np.zeros_like(end)
        begin[1:] = end[:-1]
        return Frames(np.frombuffer(data, np.uint8), begin, end, np.frombuffer(local_ns, np.int64), -1)
