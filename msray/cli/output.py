"""Where a verb's words go: data to stdout, all else to stderr, or one JSON document instead of both."""

import json
import math
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from typing import Any, TextIO

from msray.cli.failure import Failure


@dataclass(slots=True)
class Output:
    """What a verb talks to.

    A verb says its result twice: :meth:`data` for programs, :meth:`line` and :meth:`table` for people. With ``--json``
    only the first is printed, else only the second, so a verb never asks which it is.

    Attributes
    ----------
    is_json
        ``--json``: stdout carries one JSON document, whatever happens.
    is_debug
        ``--debug``: an error shows its traceback.
    may_ask
        False with ``--no-input``: nothing waits for an answer.
    verb
        Name in the document's schema: ``replay``, ``config.check``.
    """

    is_json: bool = False
    is_debug: bool = False
    may_ask: bool = True
    verb: str = ""
    _data: Mapping[str, Any] | None = field(default=None, init=False)
    _stdout: TextIO = field(default_factory=lambda: sys.stdout, init=False)

    @property
    def is_interactive(self) -> bool:
        """True where a person watches stderr and wants it to move."""
        return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def alone_on_stdout(self) -> AbstractContextManager[object]:
        """While this is entered, what others print goes to stderr: Ray prints there which of its processes died."""
        return redirect_stdout(sys.stderr)

    def data(self, data: Mapping[str, Any]) -> None:
        """The verb's result for programs; numpy scalars, paths and NaN (which becomes null) are welcome.

        Said again, it replaces what was said before: a verb that fails half-way still shows how far it came.
        """
        self._data = data

    def line(self, text: str = "") -> None:
        """One line of result for people."""
        if not self.is_json:
            print(text, file=self._stdout)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        """A table of results for people; tab-separated, with a heading, where stdout is no terminal."""
        if self.is_json:
            return
        if not self._stdout.isatty():
            for row in (columns, *rows):
                print(*row, sep="\t", file=self._stdout)
            return
        from rich import box
        from rich.console import Console
        from rich.table import Column, Table

        name, *others = columns  # whatever has to give way, a row's name does not
        table = Table(Column(name, no_wrap=True), *others, box=box.SIMPLE_HEAD)
        for row in rows:
            table.add_row(*map(_escaped, row))
        Console(file=self._stdout).print(table)

    def note(self, text: str) -> None:
        """A word beside the result, on stderr."""
        print(text, file=sys.stderr)

    def confirm(self, question: str) -> bool:
        """Ask a person; False where there is nobody to ask."""
        if not (self.may_ask and self.is_interactive and sys.stdin.isatty()):
            return False
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("y", "yes")

    @contextmanager
    def progress(self, what: str, total: float, unit: str) -> Iterator[Callable[[float], None]]:
        """Show how far long work is, how fast it goes and how long it will take; only to a person.

        Parameters
        ----------
        what
            The work: ``"replay"``.
        total
            How much there is.
        unit
            Of what: ``"messages"``.

        Yields
        ------
        Callable[[float], None]
            To be called with how much was done since the last call.
        """
        if not self.is_interactive:
            yield _nothing
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
        from rich.text import Text

        class Rate(ProgressColumn):
            def render(self, task: Task) -> Text:
                return Text("" if task.speed is None else f"{task.speed:,.0f} {unit}/s")

        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
        bar = Progress(*columns, Rate(), TimeRemainingColumn(), console=Console(stderr=True), transient=True)
        with bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.advance(task, done)

    def finish(self, failure: Failure | None, *, is_done: bool) -> None:
        """Print the document (``--json``), or what went wrong; called once, by ``main``.

        Parameters
        ----------
        failure
            What went wrong, if anything.
        is_done
            True after a verb has run to its end, False where help was shown instead.
        """
        if self.is_json:
            if failure or is_done or self._data is not None:
                print(self._document(failure), file=self._stdout)
        elif failure:
            self.note(f"msray: {failure.message}")
            if failure.hint:
                self.note(f"  {failure.hint}")

    def _document(self, failure: Failure | None) -> str:
        document: dict[str, Any] = {"schema": f"msray.{self.verb}/1" if self.verb else "msray/1", "ok": failure is None}
        if failure is None or self._data is not None:
            document["data"] = plain(self._data or {})
        if failure is not None:
            document["error"] = {"code": failure.code, "message": failure.message, "hint": failure.hint}
        return json.dumps(document, indent=2 if self._stdout.isatty() else None, allow_nan=False, ensure_ascii=False)


def plain(value: Any) -> Any:
    """The same in what JSON knows: NaN and infinities become null, numpy becomes Python, the rest text.

    Examples
    --------
    >>> plain({"a": (1, float("nan"))})
    {'a': [1, None]}
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    return str(value)


def _escaped(cell: object) -> str:
    from rich.markup import escape

    return escape(str(cell))


def _nothing(_: float) -> None:
    """Progress that nobody watches."""
