"""The ``msray`` command: finds the verb, hands it the rest, and turns whatever happens into words and an exit code.

=====  ========================================
exit   meaning
=====  ========================================
0      done
1      failed
2      the command or the configuration is wrong
3      the data is wrong
4      something cannot be reached, or took too long
130    interrupted
=====  ========================================
"""

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import typer

import msray
from msray.cli.failure import FAILED, INTERRUPTED, Failure, failure
from msray.cli.output import Output
from msray.errors import UnknownNameError


@dataclass(frozen=True, slots=True)
class Verb:
    """Where a verb is, and what it does in one line; its module is imported when it is called."""

    place: str
    summary: str

    def load(self) -> Any:
        """The function, or the typer app of a verb with verbs of its own."""
        module, _, name = self.place.partition(":")
        return getattr(importlib.import_module(module), name)


VERBS: dict[str, Verb] = {
    "init": Verb("msray.cli.init:init", "Write a commented configuration to start from."),
    "config": Verb("msray.cli.config:app", "Check a configuration, show what is in force, print its schema."),
    "replay": Verb("msray.cli.replay:replay", "Replay recordings or a raw log: books, features, signals."),
    "calibrate": Verb("msray.cli.calibrate:calibrate", "Learn from quiet recordings what a false alarm is."),
    "label": Verb("msray.cli.label:label", "Label recordings: what would have come of a position at each signal."),
    "evaluate": Verb("msray.cli.evaluate:evaluate", "Judge signals or predictions by what came."),
    "check": Verb("msray.cli.check:app", "Check whether results can be believed: look-ahead."),
    "backtest": Verb("msray.cli.backtest:backtest", "Trade the signals of recordings, and say what it was worth."),
    "tune": Verb("msray.cli.tune:tune", "Search parameters that do better, and say whether they really do."),
    "train": Verb("msray.cli.train:train", "Train networks on recordings, judge them, keep them in the registry."),
    "runs": Verb("msray.cli.runs:app", "Look at what backtests left: ls, show."),
    "data": Verb("msray.cli.data:app", "Keep records in a lake of Parquet files: convert, ls, verify."),
    "models": Verb("msray.cli.models:app", "Keep models in a registry: ls, show, compare, promote, rollback."),
    "record": Verb("msray.cli.record:record", "Record live markets into a raw log."),
    "simulate": Verb("msray.cli.simulate:simulate", "Play a recording or a made-up market as Binance does."),
    "live": Verb("msray.cli.live:live", "Detect live, on a Ray cluster that is started if need be."),
    "status": Verb("msray.cli.live:status", "Show what runs live: shards, books, signals."),
    "down": Verb("msray.cli.live:down", "End live detection."),
    "demo": Verb("msray.cli.demo:demo", "See live detection find planted changes in a synthetic market."),
    "features": Verb("msray.cli.features:features", "List the features: name, unit, formula, source, family."),
    "api": Verb("msray.cli.api:api", "Serve the HTTP API with a ledger of its own."),
    "serve": Verb("msray.cli.serve:serve", "Serve trained models over HTTP on a Ray cluster."),
    "signals": Verb("msray.cli.signals:signals", "Show the signals of a ledger or an API."),
    "doctor": Verb("msray.cli.doctor:doctor", "Look at what this machine has and what it lacks."),
}
"""Every verb there is. To add one: its file, and its line here."""

_EVERYWHERE = ("--json", "--debug", "--no-input")
_EPILOG = (
    "Every verb also takes --json (one JSON document on stdout, whatever happens), --debug (the traceback of an error) "
    "and --no-input (never wait for an answer)."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    arguments
        The words after ``msray``; by default those of this process.

    Returns
    -------
    int
        The exit code, see the module.
    """
    words, out = _listen(sys.argv[1:] if arguments is None else arguments)
    problem: Failure | None = None
    code: int | None = None
    try:
        code = _run(words, out)
        if code == INTERRUPTED:  # typer caught it before us
            problem = failure(KeyboardInterrupt())
    except BrokenPipeError:
        return _reader_left()
    except (Exception, KeyboardInterrupt) as error:
        if out.is_debug:
            traceback.print_exception(error)
        problem = failure(error)
        code = problem.exit_code
    try:
        out.finish(problem, is_done=code is None)
        sys.stdout.flush()
    except BrokenPipeError:
        return _reader_left()
    except OSError as error:  # a full disk
        out.note(f"msray: cannot write to stdout: {error.strerror or error}")
        return _reader_left()
    return code or 0


def _listen(arguments: Sequence[str]) -> tuple[list[str], Output]:
    """Take out the options that every verb has, wherever they stand before a ``--``."""
    words = list(arguments)
    end = words.index("--") if "--" in words else len(words)
    said = {word for word in words[:end] if word in _EVERYWHERE}
    out = Output(is_json="--json" in said, is_debug="--debug" in said, may_ask="--no-input" not in said)
    return [word for word in words[:end] if word not in said] + words[end:], out


def _run(words: list[str], out: Output) -> int | None:
    """Run the verb; an exit code where it, or typer in its place, left with one."""
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    if not words and not out.is_json:
        words = ["--help"]
    name = words[0] if words and not words[0].startswith("-") else None
    if name is not None and name not in VERBS:
        raise UnknownNameError("verb", name, VERBS)
    command = typer.main.get_command(_app(name, out))
    out.verb = _schema_name(words, command)
    result = command.main(args=words, prog_name="msray", standalone_mode=False, obj=out)
    return result if isinstance(result, int) else None


def _app(name: str | None, out: Output) -> typer.Typer:
    """The app with one verb really in it; of the others it knows only the summary."""
    app = typer.Typer(rich_markup_mode=None, epilog=_EPILOG, pretty_exceptions_enable=False)
    app.callback()(_root(out))
    completes = "_MSRAY_COMPLETE" in os.environ
    for other, verb in VERBS.items():
        content: Any = verb.load() if completes or other == name else _unloaded
        if isinstance(content, typer.Typer):
            app.add_typer(content, name=other, help=verb.summary, epilog=_EPILOG)
        else:
            summary = verb.summary if content is _unloaded else None
            app.command(other, help=summary, epilog=_EPILOG)(content)
    return app


def _root(out: Output) -> Callable[..., None]:
    def version(wanted: bool) -> None:
        if wanted:
            out.data({"version": msray.__version__})
            out.line(f"msray {msray.__version__}")
            raise typer.Exit

    def root(
        _version: Annotated[
            bool, typer.Option("--version", callback=version, is_eager=True, help="Show the version and exit.")
        ] = False,
    ) -> None:
        """Real-time market microstructure on Ray: exact order books, features, drift detectors."""

    return root


def _schema_name(words: list[str], command: Any) -> str:
    """``replay``, ``config.check``: the verb as its JSON document names it."""
    path: list[str] = []
    for word in words:
        command = getattr(command, "commands", {}).get(word)
        if command is None:
            break
        path.append(word)
    return ".".join(path)


def _unloaded() -> None:
    """Stands for a verb that was not called."""


def _reader_left() -> int:
    """Whoever read our stdout has gone (``| head``): say nothing, and keep the interpreter quiet when it closes it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return FAILED
