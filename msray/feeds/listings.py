"""What the venues themselves say about instruments: before anything is streamed, and of those that fall silent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from msray.clock import Clock, SystemClock
from msray.errors import UsageError
from msray.feeds.budget import SnapshotBudget
from msray.feeds.endpoints import rest_base
from msray.feeds.rest import BudgetGate, RestClient
from msray.market import Instrument, check_id
from msray.venues import Listing, find_venue, read_exchange_info, read_trading


@dataclass(frozen=True, slots=True)
class Listings:
    """The wanted instruments as their venues list them.

    Attributes
    ----------
    listings
        By instrument id, in the order in which they were wanted.
    documents
        By venue: its ``exchangeInfo`` with the wanted symbols only, to be kept with what is recorded.
    """

    listings: Mapping[str, Listing]
    documents: Mapping[str, Any]

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        """The instruments themselves."""
        return tuple(listing.instrument for listing in self.listings.values())


async def fetch_listings(
    instrument_ids: Sequence[str], *, endpoint: str | None = None, clock: Clock | None = None
) -> Listings:
    """Ask each venue for its ``exchangeInfo``.

    Parameters
    ----------
    instrument_ids
        ``venue:SYMBOL`` each.
    endpoint
        A simulator, ``http://host:port``; None for the venues themselves.
    clock
        Time.

    Raises
    ------
    UsageError
        If there are none, one is named twice or is no id; an unknown venue or symbol comes with the nearest known one.
    UnavailableError
        If a venue does not answer.
    FeedError
        If its answer cannot be read.
    """
    if not instrument_ids:
        raise UsageError("instruments must be at least one venue:SYMBOL, got none")
    symbols: dict[str, list[str]] = {}
    for instrument_id in instrument_ids:
        venue, _, symbol = check_id(instrument_id).partition(":")
        if symbol in symbols.setdefault(find_venue(venue).name, []):
            raise UsageError(f"instrument {instrument_id} is named twice")
        symbols[venue].append(symbol)
    clock = clock or SystemClock()
    found: dict[str, Listing] = {}
    documents: dict[str, Any] = {}
    async with aiohttp.ClientSession(trust_env=True) as session:
        for name, wanted in symbols.items():
            venue_data = find_venue(name)
            gate = BudgetGate(SnapshotBudget(venue_data.weight_per_minute), clock)
            client = RestClient(venue_data, rest_base(venue_data, endpoint), session, gate)
            answer = await client.exchange_info(wanted)
            for symbol, listing in read_exchange_info(answer, name, wanted).items():
                found[f"{name}:{symbol}"] = listing
            documents[name] = _only(answer, wanted)
    return Listings({instrument_id: found[instrument_id] for instrument_id in instrument_ids}, documents)


async def fetch_trading(client: RestClient, symbols: Sequence[str]) -> set[str]:
    """Those of some symbols that their venue lists as trading; snapshots go before this while weight is short.

    Raises
    ------
    UnavailableError
        If the venue does not answer.
    FeedError
        If its answer cannot be read.
    """
    try:
        document = await client.exchange_info(symbols, priority=-1)
    except UsageError:  # spot refuses to speak of any where it does not list one
        if len(symbols) == 1:
            return set()
        return {found for symbol in symbols for found in await fetch_trading(client, [symbol])}
    return read_trading(document, client.venue.name) & set(symbols)


def _only(document: bytes, symbols: Sequence[str]) -> Any:
    """The document without the symbols that nobody asked for."""
    content = msgspec.json.decode(document)
    return content | {"symbols": [one for one in content["symbols"] if one.get("symbol") in symbols]}
