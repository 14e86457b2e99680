"""Which connections a set of instruments needs, and where they lead: the venues themselves, or a simulator."""

from collections.abc import Iterator, Sequence
from urllib.parse import quote, urlsplit

from msray.errors import UsageError
from msray.feeds.connection import ConnectionPlan
from msray.market import Instrument
from msray.venues import Venue, find_venue

MOST_STREAMS = 200
"""On one connection: far below what a venue allows, so that a loss costs few books and the address stays short."""

_PREFIXES = {
    "binance_spot": ("", ""),
    "binance_usdm": ("/fapi/public", "/fapi/market"),
    "binance_coinm": ("/dapi", "/dapi"),
}
_SHARED_PREFIXES = {"binance_spot": "", "binance_usdm": "/fapi", "binance_coinm": "/dapi"}


def rest_base(venue: Venue, endpoint: str | None) -> str:
    """Address before the REST paths of a venue.

    Parameters
    ----------
    venue
        Which one.
    endpoint
        A simulator, ``http://host:port``; None for the venue itself.
    """
    return venue.rest_url if endpoint is None else _checked(endpoint)


def plan_connections(
    instruments: Sequence[Instrument], *, endpoint: str | None = None, one_socket: bool = False
) -> list[ConnectionPlan]:
    """The connections that carry depth and trades of all instruments.

    Parameters
    ----------
    instruments
        Of any venues.
    endpoint
        A simulator, ``http://host:port``; None for the venues themselves.
    one_socket
        Depth and trades of a venue on one connection, so that their order is the sender's. USD-M itself does not offer
        that.

    Raises
    ------
    UsageError
        If the endpoint is no such address, or one socket is asked of a venue that has two.
    """
    by_venue: dict[str, list[Instrument]] = {}
    for instrument in instruments:
        by_venue.setdefault(instrument.venue, []).append(instrument)
    plans: list[ConnectionPlan] = []
    for name, members in by_venue.items():
        plans += _venue_plans(find_venue(name), members, endpoint, one_socket)
    return plans


def _venue_plans(
    venue: Venue, members: Sequence[Instrument], endpoint: str | None, one_socket: bool
) -> Iterator[ConnectionPlan]:
    depth_url, trade_url = _websocket_bases(venue, endpoint, one_socket)
    if one_socket and depth_url != trade_url:
        raise UsageError(f"{venue.name} sends depth and trades over two sockets", hint="one socket is for simulators")
    for base in dict.fromkeys((depth_url, trade_url)):
        kinds = [
            stream for url, stream in ((depth_url, venue.depth_stream), (trade_url, venue.trade_stream)) if url == base
        ]
        step = MOST_STREAMS // len(kinds)
        for at in range(0, len(members), step):
            part = members[at : at + step]
            names = "/".join(quote(stream(one.symbol), safe="@") for one in part for stream in kinds)
            yield ConnectionPlan(
                url=f"{base}/stream?streams={names}", venue=venue.name, instruments=tuple(one.id for one in part)
            )


def _websocket_bases(venue: Venue, endpoint: str | None, one_socket: bool) -> tuple[str, str]:
    if endpoint is None:
        return venue.depth_url, venue.trade_url
    base = "ws" + _checked(endpoint)[4:]
    depth, trade = (_SHARED_PREFIXES[venue.name],) * 2 if one_socket else _PREFIXES[venue.name]
    return base + depth, base + trade


def _checked(endpoint: str) -> str:
    """The address with the scheme of REST; said with that of WebSocket it means the same."""
    parts = urlsplit(endpoint)
    schemes = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
    if parts.scheme not in schemes or not parts.hostname or parts.path.strip("/") or parts.query:
        raise UsageError(f"endpoint must look like http://host:port, got {endpoint!r}")
    return f"{schemes[parts.scheme]}://{parts.netloc}"
