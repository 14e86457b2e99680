"""``/oracle``: what only a simulator can tell. True books, planted changes, injected faults, and how far it is."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from aiohttp import web

from msray.errors import MsrayError, UnavailableError, UnknownNameError, UsageError
from msray.simulator.books import BookView, UnknownIdError
from msray.simulator.exchange import Listing
from msray.simulator.faults import FaultSchedule
from msray.simulator.player import Player
from msray.simulator.source import Source
from msray.simulator.streams import Hub


class Oracle:
    """Answers about the truth.

    Parameters
    ----------
    listings
        Every instrument.
    source, player, hub, faults
        What it tells about.
    """

    def __init__(
        self, listings: Sequence[Listing], source: Source, player: Player, hub: Hub, faults: FaultSchedule
    ) -> None:
        self._listings = listings
        self._source = source
        self._player = player
        self._hub = hub
        self._faults = faults

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add ``/oracle/book``, ``/oracle/faults``, ``/oracle/status`` and ``/oracle/truth``."""
        router.add_get("/oracle/book", _answering(self._book))
        router.add_get("/oracle/faults", _answering(lambda request: self.injected()))
        router.add_get("/oracle/status", _answering(lambda request: self.status()))
        router.add_get("/oracle/truth", _answering(self._truth))

    def status(self) -> dict[str, Any]:
        """How far the market is, and who it waits for."""
        player = self._player
        state = "done" if player.is_done else "playing" if player.is_started else "waiting"
        return {
            "state": state,
            "waiting_for": self._hub.missing(),
            "connections": len(self._hub.connections),
            "messages": player.sent,
            "market_ns": player.now_ns,
            "market_s": player.market_s,
            "bad_lines": self._source.bad_lines,
            "damaged_files": self._source.damaged_files,
            "instruments": [_summary(listing) for listing in self._listings],
            "faults": dict(self._faults.counts),
        }

    def injected(self) -> dict[str, Any]:
        """Faults that happened: all counted, the last 10,000 one by one."""
        return {"counts": dict(self._faults.counts), "injected": list(self._faults.injected)}

    def _truth(self, request: web.Request) -> object:
        """Planted changes so far."""
        return {"changes": self._source.truth(self._player.now_ns)}

    def _book(self, request: web.Request) -> object:
        """The true book, now or at an ``id``."""
        query = request.query
        listing = self._find(query.get("venue", ""), query.get("symbol", ""))
        text = query.get("id")
        if text is not None and not (text.isascii() and text.isdigit() and len(text) < 20):
            raise UsageError(f"id must be the last id of a depth message, got {text[:40]!r}")
        return _shown(listing, listing.book.view(None if text is None else int(text)))

    def _find(self, venue: str, symbol: str) -> Listing:
        found = [
            listing
            for listing in self._listings
            if listing.instrument.symbol == symbol and venue in ("", listing.instrument.venue)
        ]
        if len(found) == 1:
            return found[0]
        ids = [listing.instrument.id for listing in found or self._listings]
        if found:
            raise UsageError(f"venue must be given where several list the symbol, got {', '.join(ids)}")
        raise UnknownNameError("instrument", f"{venue}:{symbol}", ids)


def _summary(listing: Listing) -> dict[str, Any]:
    ids = listing.book.ids()
    span = {"first_id": ids[0], "last_id": ids[-1]} if ids else {"first_id": None, "last_id": None}
    return {"instrument": listing.instrument.id} | span


def _shown(listing: Listing, view: BookView) -> dict[str, Any]:
    """A book as decimal strings."""
    numbers = msgspec.json.decode(
        listing.encoder.snapshot(view.instrument, view.update_id, view.event_ns, view.levels), type=dict[str, Any]
    )
    head = {"instrument": listing.instrument.id, "id": view.update_id, "event_ns": view.event_ns}
    return head | {"bids": numbers["bids"], "asks": numbers["asks"]}


def _answering(answer: Callable[[web.Request], object]) -> Callable[[web.Request], Any]:
    """A handler of JSON answers; errors say what is wrong and, of ids, what there is."""

    async def handle(request: web.Request) -> web.Response:
        status, body = 200, None
        try:
            body = answer(request)
        except UnknownIdError as error:
            status, body = 404, {"error": str(error), "first_id": error.first, "last_id": error.last}
        except (UnavailableError, UnknownNameError) as error:
            status, body = 404, _error(error)
        except UsageError as error:
            status, body = 400, _error(error)
        return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")

    return handle


def _error(error: MsrayError) -> dict[str, str]:
    return {"error": str(error), "hint": error.hint}
