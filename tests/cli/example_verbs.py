"""Verbs that do one thing each, to test the frame with."""

import threading
from typing import Annotated

import typer

from msray.cli.output import Output
from msray.errors import FeedError, UnavailableError, UsageError

FAILURES = {
    "usage": UsageError("speed must be positive, got -1", hint="say --speed 10x"),
    "feed": FeedError("depth of X: price must be a number, got 'abc'"),
    "unavailable": UnavailableError("nobody answers at 127.0.0.1:1"),
    "timeout": TimeoutError("no answer in 5 s"),
    "file": FileNotFoundError(2, "No such file or directory", "a.jsonl"),
    "disk": OSError(28, "No space left on device", "rows.parquet"),
    "no ray": ModuleNotFoundError("No module named 'ray'", name="ray"),
    "bug": ZeroDivisionError("division by zero"),
    "interrupt": KeyboardInterrupt(),
}


def fail(context: typer.Context, how: str, after_data: Annotated[bool, typer.Option("--after-data")] = False) -> None:
    """Fail."""
    if after_data:
        context.obj.data({"done": 3})
    raise FAILURES[how]


def answer(context: typer.Context, times: Annotated[int, typer.Option(min=1, max=1_000_000)] = 1) -> None:
    """Say something to programs and to people."""
    out: Output = context.obj
    out.data({"times": times, "ratio": float("nan")})
    out.table(("n", "square"), [(n, n * n) for n in range(times)])
    out.note("done")


def wait(context: typer.Context) -> None:
    """Wait until interrupted."""
    out: Output = context.obj
    out.note("waiting")
    threading.Event().wait()
