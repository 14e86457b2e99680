"""A batch of raw frames, as a socket or a file delivers them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from msray.venues.kernels_text import SPARE_BYTES


@dataclass(frozen=True, slots=True)
class Frames:
    """Messages lying in one buffer.

    Attributes
    ----------
    buffer
        ``uint8``, writable (a read-only one costs one more compilation), with at least ``SPARE_BYTES`` zero bytes at
        its end, behind the last frame.
    begin, end
        ``int64``: frame ``i`` is ``buffer[begin[i]:end[i]]``; an empty one is refused and counted.
    local_ns
        ``int64``: when each was received, nanoseconds since 1970 UTC, 0 where unknown.
    hint
        The instrument that a bare REST snapshot is for, as its index in the decoder: one for all frames, or ``int32``
        one each; -1 where unknown. Other frames name their instrument and ignore it.
    """

    buffer: NDArray[np.uint8]
    begin: NDArray[np.int64]
    end: NDArray[np.int64]
    local_ns: NDArray[np.int64]
    hint: NDArray[np.int32] | int = -1

    def __len__(self) -> int:
        return len(self.begin)

    @classmethod
    def of(cls, messages: Sequence[bytes], local_ns: Sequence[int] | int = 0, hint: int = -1) -> "Frames":
        """Frames of messages that lie apart.

        Parameters
        ----------
        messages
            The bytes of each.
        local_ns
            When they were received: one time for all, or one each.
        hint
            The instrument that bare snapshots among them are for.
        """
        buffer = np.frombuffer(bytearray(b"".join(messages) + bytes(SPARE_BYTES)), np.uint8)
        end = np.cumsum([len(message) for message in messages], dtype=np.int64)
        begin = np.concatenate([np.zeros(1, np.int64), end[:-1]]) if messages else end
        times = np.empty(len(messages), np.int64)
        times[:] = local_ns
        return cls(buffer, begin, end, times, hint)
