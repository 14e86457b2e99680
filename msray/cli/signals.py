"""``msray signals``: what was found, newest first, from a ledger or over HTTP."""

import urllib.parse
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from msray.cli.http import get_json
from msray.cli.output import Output
from msray.errors import UnavailableError, UsageError

_COLUMNS = ("event_time", "instrument", "signal_type", "score", "direction", "detector", "signal_id")
_PAGE = 500


def signals(
    context: typer.Context,
    instrument: Annotated[str | None, typer.Option(help="venue:SYMBOL, or a symbol where it is unique.")] = None,
    signal_type: Annotated[str | None, typer.Option("--type", help="Only these: imbalance, volatility.")] = None,
    since: Annotated[str | None, typer.Option(help="Event time, as 2024-08-08T12:00:00Z.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="At most so many.")] = 50,
    ledger: Annotated[str | None, typer.Option(metavar="URL", help="Path or URL of the ledger.")] = None,
    url: Annotated[str | None, typer.Option(help="Ask an API instead, as http://127.0.0.1:8000.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")] = None,
) -> None:
    """Show signals, newest first.

    They are read from the ledger itself, which needs nothing to be running; with --url from an API, with the key that
    MSRAY_API_KEY names.
    """
    from msray.cli.settings_file import load_settings

    if ledger and url:
        raise UsageError("say either --ledger or --url, got both")
    out: Output = context.obj
    settings = load_settings(config)
    if url:
        key = settings.api.key.get_secret_value() if settings.api.key else None
        found = _from_api(url, key, {"instrument": instrument, "signal_type": signal_type, "since": since}, limit)
    else:
        found = _from_ledger(ledger or settings.ledger.get_secret_value(), instrument, signal_type, since, limit)
    rows = list(islice(found, limit))
    out.data({"signals": rows})
    out.table(_COLUMNS, [[_cell(row[name]) for name in _COLUMNS] for row in rows])


def _from_ledger(
    ledger: str, instrument: str | None, signal_type: str | None, since: str | None, limit: int
) -> Iterator[dict[str, Any]]:
    from msray.store.ledger_reader import LedgerReader
    from msray.store.ledger_records import SignalQuery, parse_time

    since_ns = None if since is None else parse_time(since)
    with closing(LedgerReader(ledger)) as reader:
        name = _instrument(instrument, reader.instruments_of(instrument) if instrument else [])
        after = None
        while True:
            query = SignalQuery(
                instrument=name, signal_type=signal_type, since_ns=since_ns, after=after, limit=min(limit, _PAGE)
            )
            page = reader.page(query)
            yield from (row.document() for row in page)
            if len(page) < query.limit:
                return
            after = page[-1].seq


def _instrument(name: str | None, candidates: list[str]) -> str | None:
    if name is None or ":" in name:
        return name
    if len(candidates) > 1:
        raise UsageError(f"instrument {name} must be one of several", hint=", ".join(candidates))
    return candidates[0] if candidates else f":{name}"


def _from_api(url: str, key: str | None, words: dict[str, str | None], limit: int) -> Iterator[dict[str, Any]]:
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise UsageError(f"url must begin with http:// or https://, got {url!r}")
    base = url.rstrip("/")
    query = {name: word for name, word in words.items() if word is not None} | {"limit": str(min(limit, _PAGE))}
    path: str | None = "/api/v1/signals?" + urllib.parse.urlencode(query)
    while path:
        page = get_json(base + path, key)
        if not {"signals", "next"} <= page.keys():
            raise UnavailableError(f"what answers at {base} is not this API")
        yield from page["signals"]
        path = page["next"]


def _cell(value: object) -> object:
    return f"{value:.3f}" if isinstance(value, float) else value
