"""Where a report's figures come from: recordings, assumptions, and what became of orders."""

from collections.abc import Iterator

from pydantic import BaseModel

from msray.backtest.page import words as words
from msray.backtest.page.html import Markup, from_user, table, together
from msray.backtest.page.shown import Shown


def recordings(shown: Shown) -> Markup:
    """What was played."""
    rows = []
    for name, tape in shown.tapes.items():
        times = shown.known_ns[name]
        span = (words.moment(int(times[0])), words.moment(int(times[-1]))) if len(times) else ("no message",) * 2
        rows.append((from_user(name), *span, f"{len(tape.records):,}", f"{len(tape.signals):,}"))
    columns = ("instrument", "first message known, UTC", "last, UTC", "messages", "signals")
    return table("Recordings", columns, rows, texts=(1, 2))


def events(shown: Shown) -> Markup:
    """What became of signals and orders."""
    result = shown.report.result
    rows: list[tuple[object, ...]] = [
        ("signals known", f"{len(result.signals):,}"),
        ("orders sent", f"{result.orders:,}"),
    ]
    rows += [(together(["answers: ", from_user(kind)]), f"{count:,}") for kind, count in sorted(result.answers.items())]
    rows += [
        (together(["orders not sent, limit ", from_user(limit)]), f"{count:,}")
        for limit, count in sorted(result.refusals.items())
    ]
    rows.append(("trading ended early", "no" if result.halted is None else from_user(result.halted.text)))
    return table("Signals and orders", ("", "number"), rows)


def assumptions(shown: Shown) -> Markup:
    """Every field of the configuration, with what it means."""
    rows = list(_fields(shown.report.result.config, ""))
    return table("Assumptions", ("field", "value", "meaning"), rows, long=2)


def _fields(config: BaseModel, before: str) -> Iterator[tuple[object, ...]]:
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if isinstance(value, BaseModel):
            yield from _fields(value, f"{before}{name}.")
            continue
        text = f"{len(value)} payments" if isinstance(value, tuple) else "not given" if value is None else str(value)
        yield before + name, from_user(text), (field.description or "").replace("\n", " ")
