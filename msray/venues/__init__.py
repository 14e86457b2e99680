"""Venues: bytes to records, and what each venue promises. No socket, no clock.

``Decoder`` reads batches of frames, ``OrderBookParser`` one message at a time; both are exact or refuse. ``Encoder``
writes what they read.
"""

from msray.venues.catalog import VENUES, find_venue, rule_of, tells_orders
from msray.venues.decoder import Decoded, Decoder, DecoderCounts, Refusal
from msray.venues.encoder import Encoder
from msray.venues.exact import Reason, RefusedError
from msray.venues.exchange_info import Listing, read_exchange_info, read_trading
from msray.venues.frames import Frames
from msray.venues.identify import identify, infer_from_trades, infer_instrument, venue_of, without_time
from msray.venues.kernels_lines import split_lines
from msray.venues.kernels_text import MAX_FRAME_BYTES, MICROSECONDS_FROM, SPARE_BYTES
from msray.venues.lobster import LobsterDecoder, Refused, lobster_instrument, midnight_ns, read_table
from msray.venues.parser import OrderBookParser
from msray.venues.shfe import SHFE_COLUMNS, RefusedRow, ShfeDecoder, shfe_instrument
from msray.venues.tardis import SIDES, TardisDecoder, TardisMessage, infer_tardis, tardis_venue
from msray.venues.venue import Venue

__all__ = [
    "MAX_FRAME_BYTES",
    "MICROSECONDS_FROM",
    "SHFE_COLUMNS",
    "SIDES",
    "SPARE_BYTES",
    "VENUES",
    "Decoded",
    "Decoder",
    "DecoderCounts",
    "Encoder",
    "Frames",
    "Listing",
    "LobsterDecoder",
    "OrderBookParser",
    "Reason",
    "Refusal",
    "Refused",
    "RefusedError",
    "RefusedRow",
    "ShfeDecoder",
    "TardisDecoder",
    "TardisMessage",
    "Venue",
    "find_venue",
    "identify",
    "infer_from_trades",
    "infer_instrument",
    "infer_tardis",
    "lobster_instrument",
    "midnight_ns",
    "read_exchange_info",
    "read_table",
    "read_trading",
    "rule_of",
    "shfe_instrument",
    "split_lines",
    "tardis_venue",
    "tells_orders",
    "venue_of",
    "without_time",
]
