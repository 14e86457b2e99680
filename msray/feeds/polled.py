"""A market that is only asked over REST: a snapshot of each instrument, and every so often what has changed since."""

import random
from collections.abc import Mapping, Sequence

import aiohttp
import numpy as np

from msray.clock import Clock, SystemClock
from msray.errors import UsageError
from msray.feeds.outlet import Idle, Outlet
from msray.feeds.rest import Gate
from msray.feeds.snapshots import Snapshots, places_of
from msray.market import ASK, DEPTH, LEVEL, MAX_TICK, MESSAGE, REGRID, SNAPSHOT, Instrument, Records
from msray.prediction import Arrived, LogEvent, Requested
from msray.venues import Decoder, Encoder, Frames, find_venue


class PolledSource:
    """Books and their changes, for places without WebSocket; no trades.

    The first snapshot of an instrument is delivered as it is. Each later one with a higher id is delivered as the depth
    message that leads to it, in the venue's own shape, dated by the local clock (a spot snapshot has no time of its
    own). One with the same id or a lower one (a cached answer) says nothing new. A snapshot that is requested follows
    the depth message as it is, at the same id. A poll that fails delivers nothing: the next one spans it.

    What is delivered is what a raw log gets: the log of this source holds the depth messages made here, not every
    answer that they were made from.

    Parameters
    ----------
    every_s
        Pause between two snapshots of an instrument.
    endpoint
        A simulator, ``http://host:port``; None for the venues themselves.
    levels
        Levels a side, at most what the venue gives.
    gates
        By venue name: who grants REST weight; by default each process grants its own.
    clock, rng
        Time and dice.
    """

    def __init__(
        self,
        every_s: float,
        endpoint: str | None = None,
        *,
        levels: int = 100,
        gates: Mapping[str, Gate] | None = None,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        if not 0.1 <= every_s <= 86_400.0:
            raise UsageError(f"every_s must be 0.1 to 86400 seconds, got {every_s}")
        self._every_s = every_s
        self._endpoint = endpoint
        self._levels = levels
        self._gates = gates
        self._clock = clock or SystemClock()
        self._rng = rng or random.Random()
        self._outlet: Outlet | None = None
        self._wanted: set[str] = set()
        self._books: dict[str, PolledBook] = {}
        self._decoders: dict[str, Decoder] = {}

    async def run(self, instruments: Sequence[Instrument], outlet: Outlet) -> None:
        """See :meth:`msray.feeds.source.Source.run`."""
        self._outlet, self._wanted = outlet, set()
        members: dict[str, list[Instrument]] = {}
        for instrument in instruments:
            members.setdefault(instrument.venue, []).append(instrument)
            most = find_venue(instrument.venue).largest_snapshot
            self._books[instrument.id] = PolledBook(min(self._levels, most))
            self.request_snapshot(instrument.id, 0)
        self._decoders = {venue: Decoder(listed) for venue, listed in members.items()}
        answers = Outlet([], self._clock)
        answers.on_event(lambda: self._take(answers.take(), outlet))
        async with aiohttp.ClientSession(trust_env=True) as session:
            places = places_of(instruments, session, self._clock, endpoint=self._endpoint, gates=self._gates)
            snapshots = Snapshots(places, answers, self._clock, self._rng, levels=self._levels)
            try:
                while True:
                    for instrument in instruments:
                        snapshots.request(instrument.id)
                    await self._clock.sleep(self._every_s)
            finally:
                self._outlet = None
                await snapshots.aclose()

    def request_snapshot(self, instrument_id: str, priority: int) -> None:
        """Have the next poll delivered as a snapshot too; it comes by itself, whatever its priority."""
        if self._outlet is not None and instrument_id not in self._wanted:
            self._wanted.add(instrument_id)
            self._outlet.emit(Requested(instrument_id, self._clock.now_ns()))

    def _take(self, event: LogEvent | Idle, outlet: Outlet) -> None:
        """Deliver what a poll says; that it was sent is of no interest to a book that is brought forward by it."""
        if not isinstance(event, Arrived):
            return
        decoder, frames = self._decoders[event.venue], event.frames
        parts = decoder.decode(frames).parts
        for part in parts:
            row = part.messages[0]
            instrument = decoder.instruments[row["instrument"]]
            if row["kind"] == REGRID:
                self._books[instrument.id].regrid(int(row["prev_id"]))
            elif row["kind"] == SNAPSHOT:
                self._deliver(instrument, part, event, outlet)
        if not parts:  # a pipeline refuses and counts it, as it does with any other frame
            outlet.emit(event)

    def _deliver(self, instrument: Instrument, snapshot: Records, event: Arrived, outlet: Outlet) -> None:
        book, frames = self._books[instrument.id], event.frames
        local_ns, update_id = int(frames.local_ns[0]), int(snapshot.messages["last_id"][0])
        if update_id < book.update_id:
            return
        payloads: list[bytes] = []
        if 0 <= book.update_id < update_id:
            payloads += Encoder(instrument).messages(book.forward(snapshot, local_ns))
        if instrument.id in self._wanted:
            self._wanted.remove(instrument.id)
            book.restart(snapshot)
            payloads.append(frames.buffer[frames.begin[0] : frames.end[0]].tobytes())
        if payloads:
            outlet.emit(Arrived(event.venue, Frames.of(payloads, local_ns, int(frames.hint))))


class PolledBook:
    """What was said of one instrument, to say of each snapshot what it changes.

    Levels that the range of the snapshots has left behind are remembered: a level is said to be gone only by a snapshot
    whose range it lies in, however long after it was seen.

    Parameters
    ----------
    levels
        Levels a side that are asked for: a side that has them all is known as far as its last level, a shorter one
        whole.

    Attributes
    ----------
    update_id
        Of the snapshot taken last; -1 before the first.
    """

    def __init__(self, levels: int) -> None:
        self.update_id = -1
        self._levels = levels
        self._sizes: dict[tuple[int, int], int] = {}

    def restart(self, snapshot: Records) -> None:
        """Forget everything but a snapshot that was delivered as it is."""
        self.update_id = int(snapshot.messages["last_id"][0])
        self._sizes = _sizes(snapshot)

    def forward(self, snapshot: Records, local_ns: int) -> Records:
        """The depth message that leads from the snapshot before to a later one.

        It bridges any snapshot with the id that it starts from: spot by ``U = id + 1``, futures by ``pu = id``.

        Parameters
        ----------
        snapshot
            One SNAPSHOT message.
        local_ns
            When it came, nanoseconds UTC.
        """
        shown = _sizes(snapshot)
        lowest_bid, highest_ask = self._edges(shown)
        changed = {level: size for level, size in shown.items() if self._sizes.get(level) != size}
        for side, tick in self._sizes.keys() - shown.keys():
            if tick <= highest_ask if side else tick >= lowest_bid:
                changed[side, tick] = 0
                del self._sizes[side, tick]
        self._sizes |= shown
        levels = np.array([(size, tick, side) for (side, tick), size in sorted(changed.items())], LEVEL)
        message = np.zeros(1, MESSAGE)
        message["kind"], message["event_ns"], message["local_ns"] = DEPTH, local_ns, local_ns
        message["prev_id"], message["first_id"] = self.update_id, self.update_id + 1
        message["last_id"] = self.update_id = int(snapshot.messages["last_id"][0])
        message["end"] = len(levels)
        return Records(message, levels)

    def regrid(self, factor: int) -> None:
        """Keep every level on a grid so many times finer, but those that no tick can hold any more."""
        sizes = self._sizes.items()
        self._sizes = {(side, tick * factor): size for (side, tick), size in sizes if tick <= MAX_TICK // factor}

    def _edges(self, shown: Mapping[tuple[int, int], int]) -> tuple[int, int]:
        """The lowest bid price and the highest ask price that a snapshot knows about."""
        bids, asks = ([tick for side, tick in shown if side == wanted] for wanted in (0, ASK))
        return min(bids) if len(bids) >= self._levels else 0, max(asks) if len(asks) >= self._levels else MAX_TICK


def _sizes(snapshot: Records) -> dict[tuple[int, int], int]:
    """Size by side and tick."""
    row = snapshot.messages[0]
    return {(side & ASK, tick): size for size, tick, side in snapshot.levels[row["begin"] : row["end"]].tolist()}
