"""``msray data``: a lake of records, made from whatever can be replayed, looked at and checked."""

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from msray.cli.output import Output
from msray.cli.replay import show_progress
from msray.errors import CorruptLogError

if TYPE_CHECKING:
    from msray.feeds.lake import Part

app = typer.Typer()

_Lake = Annotated[Path, typer.Argument(metavar="DIR", help="The lake, or a folder in it.")]
_WRITTEN = ("instrument", "day", "state", "messages", "trades", "levels", "gaps", "bytes")
_LISTED = ("instrument", "day", "messages", "trades", "levels", "from", "to", "gaps", "bytes")


@app.command("convert")
def convert(
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Whatever `msray replay` reads.")],
    lake: Annotated[Path, typer.Option(metavar="DIR", help="The lake; made if it is not there.")],
    venue: Annotated[str | None, typer.Option(help="Venue of recordings, where their shape does not tell.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace days that were made of other files.")] = False,
) -> None:
    """Write recordings into a lake of Parquet files, by venue, symbol and day.

    PATHS are recordings, a raw log, LOBSTER days, SHFE snapshots, files of Tardis.dev, trades of Binance's public
    archive, or lakes; `msray replay DIR` then gives the signals that they give. A day appears whole or not at all. One
    that the lake has from the same files is left as it is; one that it has from others is an error, unless --replace
    is said.
    """
    from msray.feeds.lake_convert import convert as write
    from msray.feeds.replay import open_replay

    out: Output = context.obj
    opened = open_replay(paths, venue=venue)
    with show_progress(out, "convert", opened) as progress:
        days, refused = write(opened, lake, replace=replace, progress=progress)
    rows = [{name: getattr(day, name) for name in _WRITTEN} for day in days]
    out.data({"lake": lake, "days": rows, "refused": refused, "problems": opened.problems})
    out.table(_WRITTEN, [list(row.values()) for row in rows])
    if refused:
        out.note(f"{refused} messages could not be read exactly and are not in the lake")
    for problem in opened.problems:
        out.note(problem)


@app.command("ls")
def ls(context: typer.Context, lake: _Lake) -> None:
    """List the days of a lake: what they hold, from when to when, and how often the book became unknown."""
    from msray.feeds.lake import find_parts

    out: Output = context.obj
    parts = find_parts([lake])
    rows = [_listed(list(some)) for _, some in groupby(parts, lambda part: (part.head.instrument.id, part.head.day))]
    out.data({"lake": lake, "days": rows})
    out.table(_LISTED, [[row[name] for name in _LISTED] for row in rows])


@app.command("verify")
def verify(context: typer.Context, lake: _Lake) -> None:
    """Read a lake whole, and build every book once more; exit code 3 if anything is not what it says.

    Checked are version and place of every part, page checksums, a digest of all records, counts, ids, the order of days
    and parts, and that no book stays crossed. To mend a day, remove its folder and convert its files again.
    """
    from msray.feeds.lake import part_files
    from msray.feeds.lake_check import check_lake

    out: Output = context.obj
    total = sum(path.stat().st_size for path in part_files([lake]))
    with out.progress("verify", total, "bytes") as advance:
        seen = 0

        def show(done: int) -> None:
            nonlocal seen
            advance(done - seen)
            seen = done

        parts, damage = check_lake([lake], show)
    sums = {name: sum(getattr(part.head, name) for part in parts) for name in ("messages", "trades", "levels", "gaps")}
    found = [{"file": one.file, "reason": one.reason} for one in damage]
    out.data({"lake": lake, "parts": len(parts), **sums, "damage": found})
    for one in damage[1:]:
        out.note(f"{one.file}: {one.reason}")
    if damage:
        more = f"{len(damage) - 1} more above" if len(damage) > 1 else ""
        raise CorruptLogError(f"{damage[0].file}: {damage[0].reason}", hint=more)
    out.line(f"{lake}: good ({len(parts)} parts, {sums['messages']} messages, {sums['levels']} levels)")


def _listed(parts: "list[Part]") -> dict[str, Any]:
    """One day of one instrument."""
    from msray.store.ledger_records import rfc3339

    heads = [part.head for part in parts]
    starts = [head.first_event_ns for head in heads if head.first_event_ns] or [heads[0].first_local_ns]
    ends = [head.last_event_ns for head in heads if head.last_event_ns] or [heads[-1].last_local_ns]
    names = ("messages", "depth_messages", "trades", "snapshots", "levels", "gaps")
    return {
        "instrument": heads[0].instrument.id,
        "day": heads[0].day,
        **{name: sum(getattr(head, name) for head in heads) for name in names},
        "from": rfc3339(min(starts)),
        "to": rfc3339(max(ends)),
        "first_id": next((head.first_id for head in heads if head.first_id), 0),
        "last_id": next((head.last_id for head in reversed(heads) if head.last_id), 0),
        "bytes": sum(part.path.stat().st_size for part in parts),
        "sources": [source.name for source in heads[0].sources],
    }
