"""``msray check``: whether results can be believed."""

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msray.cli.arguments import PATHS
from msray.cli.output import Output
from msray.cli.taped import Recorded, time_of
from msray.errors import FeedError

if TYPE_CHECKING:
    from msray.backtest.differences import Difference

app = typer.Typer()

_COLUMNS = ("test", "cut at", "first difference at", "what", "whole", "other")
_TESTS = {
    "cut": ("where the recording ends at {cut}", "something there looks at what is yet to come"),
    "repeat": ("when it is run once more", "chance without a seed, or something that is kept from run to run"),
    "disguise": ("on the same market at another date", "dates or ids are known by heart"),
    "calibration": ("", "calibrate on an earlier recording"),
}
"""What each test is, and what is wrong where it fails."""


class LookaheadError(FeedError):
    """Something knew what was yet to come."""

    code = "lookahead"


@app.callback()
def _check() -> None:
    """Check whether results can be believed."""


@app.command("lookahead")
def lookahead(  # noqa: PLR0913 (a flag each)
    context: typer.Context,
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help=PATHS)],
    strategy: Annotated[str | None, typer.Option(help="Check it too: follower, or your own as FILE.py:CLASS.")] = None,
    cuts: Annotated[int, typer.Option(min=1, max=1000, help="Cut the recording at so many times.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of these times.")] = 0,
    clock_correction_ms: Annotated[
        float | None, typer.Option(help="Added to the recorder's clock, where it was behind.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Local time to stop at, as 2024-08-08T23:55:00Z.")] = None,
    venue: Annotated[str | None, typer.Option(help="Venue of recordings, where their shape does not tell.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")] = None,
    calibration: Annotated[Path | None, typer.Option(metavar="FILE", help="Made by `msray calibrate`.")] = None,
) -> None:
    """Check that nothing knew what was yet to come; exit code 3 if something did.

    The recording is replayed as a whole and cut at some times. Up to each cut, signals and all feature rows must be the
    same, and with --strategy its orders and fills. The strategy is also run twice, which finds what it keeps from run
    to run, and on the same market at another date, which finds what it knows by heart.
    """
    import numpy as np

    from msray.backtest.lookahead import check_lookahead, cut_times
    from msray.cli.backtest import assumptions, load_strategy
    from msray.cli.replay import words_for
    from msray.features import NAMES

    out: Output = context.obj
    make = None if strategy is None else load_strategy(strategy)
    assumed = assumptions(config, clock_correction_ms)
    recorded = Recorded(paths=paths, venue=venue, config=config, calibration=calibration)
    opened = recorded.open()
    features = list(dict.fromkeys([*NAMES, *(() if make is None else make(assumed).columns)]))
    whole = recorded.tapes(out, opened, until_ns=time_of(until), features=features)
    report = check_lookahead(
        whole,
        assumed,
        read_until=lambda at_ns: recorded.tapes(out, recorded.open(), until_ns=at_ns, features=features),
        cuts_ns=cut_times(whole, cuts, np.random.default_rng(seed)),
        strategy=make,
        calibrations=words_for(opened, config, calibration)[1],
    )
    out.data({**report.as_dict(), "problems": opened.problems})
    if report.differences:
        out.table(_COLUMNS, [_row(one) for one in report.differences])
        first = report.differences[0]
        raise LookaheadError(_sentence(first), hint=_TESTS[first.test][1])
    out.line(
        f"no look-ahead found: {report.rows:,} rows, {report.signals:,} signals, {report.entries:,} orders and fills "
        f"are the same in {len(report.cuts_ns)} recordings that end earlier"
    )
    for problem in opened.problems:
        out.note(problem)


def _row(one: "Difference") -> tuple[str, ...]:
    return (one.test, _shown(one.cut_ns), _shown(one.at_ns), one.what, one.whole, one.other)


def _sentence(one: "Difference") -> str:
    where = _TESTS[one.test][0].format(cut=_shown(one.cut_ns))
    return f"look-ahead, {one.what} at {_shown(one.at_ns)}: {one.whole}; {where}{': ' * bool(where)}{one.other}"


def _shown(at_ns: int) -> str:
    """A time as people write it, to the nanosecond."""
    if not at_ns:
        return ""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return f"{dt.datetime.fromtimestamp(seconds, dt.UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"
