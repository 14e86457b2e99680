"""``OrderBookParser``: one venue message to records, the decoders' plain face."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from msray.errors import FeedError, UsageError
from msray.market import LEVEL, MESSAGE, Instrument, Records, concatenate
from msray.venues.catalog import find_venue
from msray.venues.decoder import Decoder
from msray.venues.exact import RefusedError
from msray.venues.frames import Frames
from msray.venues.identify import check_symbol, infer_instrument, venue_of
from msray.venues.wire import read_frame, unwrap

UNNAMED = "UNKNOWN"
"""Symbol of an inferred instrument until a message names it: a snapshot of spot or USD-M does not."""


class OrderBookParser:
    """Messages of one instrument to records.

    Parameters
    ----------
    venue
        Where they come from; learned from the first message's shape if not given.
    instrument
        Whose they are, and its decimals and ticks; inferred from the first message with price levels if not given,
        which had better be a snapshot.

    Raises
    ------
    UsageError
        If the instrument is of another venue.
    UnknownNameError
        If the venue is not known.

    Notes
    -----
    For streams take :class:`~msray.venues.Decoder`: a batch a call costs a tenth.

    Examples
    --------
    >>> parser = OrderBookParser()
    >>> book = parser.parse('{"lastUpdateId":7,"bids":[["1.214","63.4"],["1.213","177.0"]],"asks":[["1.216","62.5"]]}')
    >>> parser.instrument.id, parser.instrument.price(book.levels["tick"]).tolist()
    ('binance_spot:UNKNOWN', [1.214, 1.213, 1.216])
    >>> change = parser.parse(
    ...     '{"e":"depthUpdate","E":1721749183710,"s":"NEXOUSDT","U":8,"u":9,"b":[],"a":[["1.216","0"]]}'
    ... )
    >>> parser.instrument.id, change.messages["last_id"].tolist(), change.levels["size"].tolist()
    ('binance_spot:NEXOUSDT', [9], [0])
    """

    def __init__(self, venue: str | None = None, instrument: Instrument | None = None) -> None:
        if venue is not None:
            find_venue(venue)
        if instrument is not None and venue not in (None, instrument.venue):
            raise UsageError(f"instrument must be one of {venue}, got {instrument.id}")
        self._venue = venue
        self._decoder = None if instrument is None else Decoder([instrument])

    @property
    def instrument(self) -> Instrument | None:
        """What is read, on its present grid; None until that is known."""
        return self._decoder.instruments[0] if self._decoder else None

    def parse(self, message: bytes | str, local_ns: int = 0) -> Records:
        """Read one message.

        Parameters
        ----------
        message
            One frame of a socket, or the body of a REST snapshot.
        local_ns
            When it was received, nanoseconds since 1970 UTC.

        Returns
        -------
        Records
            One message; two where a REGRID comes first; none where it is of no use to a book (a quote, an answer).

        Raises
        ------
        MessageError
            If it cannot be read exactly; names field, value and range.
        FeedError
            If it does not tell what is needed to read it: then give the venue or the instrument.
        """
        return self.parse_many([message], local_ns)

    def parse_many(self, messages: Iterable[bytes | str], local_ns: Iterable[int] | int = 0) -> Records:
        """Read messages in order; as :meth:`parse`, for all at once.

        Raises
        ------
        MessageError
            At the first message that cannot be read exactly; those before it are lost with the call.
        """
        frames = [message.encode() if isinstance(message, str) else bytes(message) for message in messages]
        nothing = Records(np.zeros(0, MESSAGE), np.zeros(0, LEVEL))
        decoder = self._decoder_for(frames)
        if decoder is None:
            return nothing
        decoded = decoder.decode(Frames.of(frames, local_ns if isinstance(local_ns, int) else list(local_ns)))
        if decoded.refused:
            first = decoded.refused[0]
            place = f"message {first.index}: " if len(frames) > 1 else ""
            raise RefusedError(first.reason, place + first.message)
        return concatenate(decoded.parts).copy() if decoded.parts else nothing

    def _decoder_for(self, frames: Sequence[bytes]) -> Decoder | None:
        """Learn what these frames tell, if anything is left to learn; None where none of them is of use to a book."""
        known = self._decoder
        if known is not None and known.instruments[0].symbol != UNNAMED:
            return known
        messages = [unwrap(frame)[0] for frame in frames]
        symbols = (message.get("s", message.get("symbol")) for message in messages)
        symbol = next((name for name in symbols if isinstance(name, str)), UNNAMED)
        if known is not None:
            check_symbol(known.instruments[0].venue, symbol)
            self._decoder = Decoder([replace(known.instruments[0], symbol=symbol)])
            return self._decoder
        if self._venue is None:
            self._venue = next((name for name in map(venue_of, messages) if name), None)
        is_futures = self._venue is not None and find_venue(self._venue).is_futures
        if all(read_frame(frame, is_futures=is_futures) is None for frame in frames):
            return None
        if self._venue is None:
            raise FeedError("venue must be told by a message's shape, got none that does", hint="give the venue")
        self._decoder = Decoder([infer_instrument(self._venue, symbol, frames)])
        return self._decoder
