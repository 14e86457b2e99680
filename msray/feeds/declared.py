"""What lies beside a recording and says what its instrument's numbers are."""

from pathlib import Path

import msgspec

from msray.errors import FeedError, UnknownNameError, UsageError
from msray.market import Instrument
from msray.venues import read_exchange_info


def declared(folder: Path, venue: str, symbol: str) -> Instrument | None:
    """An instrument from ``instruments.json``, else from the venue's ``exchangeInfo``; None where neither has it.

    Raises
    ------
    FeedError
        If one of them is there and cannot be read.
    """
    return _told(folder, venue, symbol) or _listed(folder, venue, symbol)


def _told(folder: Path, venue: str, symbol: str) -> Instrument | None:
    """From ``instruments.json``: a list of objects with the fields of :class:`~msray.market.Instrument`."""
    path = folder / "instruments.json"
    if not path.exists():
        return None
    try:
        known = msgspec.json.decode(path.read_bytes(), type=list[Instrument])
    except (msgspec.MsgspecError, UsageError) as error:
        raise FeedError(f"{path} must be a list of instruments: {error}") from error
    return next((one for one in known if (one.venue, one.symbol) == (venue, symbol)), None)


def _listed(folder: Path, venue: str, symbol: str) -> Instrument | None:
    """From the venue's own document."""
    for name in (f"exchangeInfo_{venue}.json", "exchangeInfo.json"):
        path = folder / name
        if path.exists():
            try:
                return read_exchange_info(path.read_bytes(), venue, [symbol])[symbol].instrument
            except UnknownNameError:
                continue
            except FeedError as error:
                raise FeedError(f"{path}: {error}", hint=error.hint) from error
    return None
