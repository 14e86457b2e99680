"""The venue's own side: what is listed, and what a snapshot request gets."""

from msray.book import SequenceRule
from msray.errors import FeedError
from msray.market import Instrument
from msray.simulator.books import HISTORY, TrueBook
from msray.simulator.source import Listed
from msray.venues import Encoder

AGAIN_S = 5.0
"""A reader that asks again so soon does not audit."""


class Listing:
    """One instrument as the venue lists it: its true book, its format, and the snapshots it gives.

    The opening snapshot (of a recording: the recorded one, byte for byte) goes once to each reader that was there when
    the first message was sent, however far the market is by then: so what they make of it is the same in every run, and
    the same as reading the recording from its file. Whoever comes later or has lost something gets the book as it is
    then. So does who audits a made-up market; of a recorded one nothing is known beyond its opening snapshot's prices,
    and a newer snapshot would say that nothing is there. An audit gets the opening one again, too old to use, until
    somebody asks twice within seconds: that one has lost something.

    Parameters
    ----------
    listed
        What the source says of it.
    rule
        How its venue numbers depth messages.
    history
        Depth messages that its past reaches back.

    Attributes
    ----------
    halted_until_s
        Market time before which nothing is said of it, and ``exchangeInfo`` says ``BREAK``.
    """

    def __init__(self, listed: Listed, rule: SequenceRule, history: int = HISTORY) -> None:
        self.instrument = listed.instrument
        self.encoder = Encoder(listed.instrument, listed.price_digits, listed.size_digits)
        self.book = TrueBook(listed.instrument, rule, history)
        self.halted_until_s = 0.0
        self._opening = listed.snapshot
        self._is_whole = listed.is_recorded
        self._asked_s = -AGAIN_S
        self._is_open = False
        self._first_answers = 0
        if listed.snapshot is not None:
            self.book.restart(listed.snapshot)
            if not self.book.ids():
                raise FeedError(f"the snapshot of {self.instrument.id} cannot be read: {listed.snapshot[:80]!r}")
            self._opening_view = self.book.view()

    def open(self, readers: int) -> None:
        """The first message is about to be sent, to so many readers of the depth stream."""
        self._is_open = True
        self._first_answers = readers

    @property
    def owes_snapshots(self) -> bool:
        """Whether a reader has not fetched its opening snapshot yet."""
        return self._first_answers > 0 and self._opening is not None

    def disturb(self) -> None:
        """Somebody came later or has lost something: from now on only the present book is of use."""
        self._first_answers = 0
        self._is_whole = False

    def snapshot(self, limit: int, now_s: float, *, older: int = 0) -> bytes:
        """Answer of ``GET depth``.

        Parameters
        ----------
        limit
            Levels a side, at most.
        now_s
            Seconds on any clock that only goes forward.
        older
            Depth messages that the answer lies behind the present, where the past reaches so far.

        Raises
        ------
        UnavailableError
            As long as there is no book.
        """
        if self._opening is not None and (self._first_answers or not self._is_open or not self.book.has_joined):
            self._first_answers -= self._first_answers > 0
            return self._cut_opening(self._opening, limit)
        is_again, self._asked_s = now_s - self._asked_s < AGAIN_S, now_s
        if self._opening is not None and self._is_whole and not is_again:
            return self._cut_opening(self._opening, limit)
        self._is_whole = False
        ids = self.book.ids()
        view = self.book.view(ids[max(0, len(ids) - 1 - older)] if ids else None)
        return self.encoder.snapshot(view.instrument, view.update_id, view.event_ns, view.cut(limit))

    def _cut_opening(self, opening: bytes, limit: int) -> bytes:
        view = self._opening_view
        if max(len(view.side(0)), len(view.side(1))) <= limit:
            return opening
        return self.encoder.snapshot(view.instrument, view.update_id, view.event_ns, view.cut(limit))


def warm_up() -> None:
    """Compile what a listing runs, so that no reader waits for the compiler."""
    instrument = Instrument(venue="binance_usdm", symbol="X", price_decimals=1, size_decimals=0, tick=1, grid=1)
    snapshot = b'{"lastUpdateId":1,"E":1,"T":1,"bids":[["1.0","1"]],"asks":[["2.0","1"]]}'
    listing = Listing(Listed(instrument=instrument, snapshot=snapshot), SequenceRule.LINKED)
    listing.open(0)
    listing.book.take(b'{"e":"depthUpdate","E":1,"T":1,"s":"X","U":2,"u":2,"pu":1,"b":[["1.0","2"]],"a":[]}')
    listing.book.take(b'{"e":"depthUpdate","E":1,"T":1,"s":"X","U":3,"u":3,"pu":2,"b":[],"a":[["2.0","2"]]}')
    listing.snapshot(5, 0.0)
