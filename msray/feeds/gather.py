"""What all sockets to a venue bring, gathered for a moment: many frames are decoded nearly as cheaply as one."""

import asyncio
from collections.abc import Callable

import numpy as np

from msray.feeds.outlet import Outlet
from msray.prediction import Arrived
from msray.venues import SPARE_BYTES, Frames

GATHER_S = 0.002
"""While frames keep coming, a batch is handed on so often; the first after a silence does not wait. A market played as
fast as it goes makes a fifth fewer batches so (``jobs/measure_live.py --only shard``)."""

MOST_FRAMES = 1_024
MOST_BYTES = 4 << 20
_SPARE = bytes(SPARE_BYTES)


class Gatherer:
    """Frames of one venue, in the order in which they came, whichever of its sockets brought them.

    Parameters
    ----------
    venue
        Whose frames these are.
    outlet
        Where batches go.
    """

    def __init__(self, venue: str, outlet: Outlet) -> None:
        self.outlet = outlet
        self._venue = venue
        self._payloads: list[bytes] = []
        self._local_ns: list[int] = []
        self._size = 0
        self._to_tell: list[Callable[[], None]] = []
        self._is_armed = False
        self._loop = asyncio.get_running_loop()

    def add(self, payload: bytes, local_ns: int) -> None:
        """Append a frame and when it came."""
        self._payloads.append(payload)
        self._local_ns.append(local_ns)
        self._size += len(payload)
        if self._size >= MOST_BYTES or len(self._payloads) >= MOST_FRAMES:
            self.flush()
        elif not self._is_armed:
            self._is_armed = True
            self._loop.call_soon(self._due)

    def tell(self, told: Callable[[], None]) -> None:
        """Have ``told`` called once, when what is gathered now has been handed on."""
        self._to_tell.append(told)

    def flush(self) -> None:
        """Hand on what has been gathered."""
        if self._payloads:
            self.outlet.emit(Arrived(self._venue, self._taken()))
        to_tell, self._to_tell = self._to_tell, []
        for told in to_tell:
            told()

    def _due(self) -> None:
        self._is_armed = bool(self._payloads)
        if self._is_armed:
            self._loop.call_later(GATHER_S, self._due)
            self.flush()

    def _taken(self) -> Frames:
        payloads, local_ns = self._payloads, self._local_ns
        self._payloads, self._local_ns, self._size = [], [], 0
        end = np.fromiter(map(len, payloads), np.int64, len(payloads)).cumsum()
        begin = np.zeros_like(end)
        begin[1:] = end[:-1]
        payloads.append(_SPARE)
        data = bytearray().join(payloads)  # not bytes: for what is read-only, the scanner would be compiled once more
        return Frames(np.frombuffer(data, np.uint8), begin, end, np.array(local_ns, np.int64), -1)
