"""After a death: the signals that a run found and may not have stored, from the raw log that it wrote.

A run writes what it gets before it folds it, and stores what it finds a moment later; killed in between, it leaves
records whose signals nobody has. Folding its log again finds them, with the same ids, and storing one again changes
nothing. A run whose signals are all stored is *settled*, and says so with a file beside its segments.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from msray.errors import CorruptLogError, UnavailableError
from msray.feeds.raw_log_reader import RawLog
from msray.feeds.segment import segment_paths
from msray.market import Signal
from msray.prediction import (
    Forecasting,
    Forecasts,
    ModelName,
    Pipeline,
    PredictConfig,
    ServedModel,
    read_log_metadata,
)

MARK = ".settled"


def unsettled(folder: Path) -> dict[int, list[Path]]:
    """Segments of the runs that are not settled, by session, oldest first.

    A run whose first segments have been deleted is left out: without its beginning its fold is another one.
    """
    sessions: dict[int, list[Path]] = {}
    for path in segment_paths(folder):
        try:
            header = RawLog([path]).header
        except CorruptLogError:
            continue
        if header.segment == len(sessions.get(header.session, [])):
            sessions.setdefault(header.session, []).append(path)
    for mark in folder.glob(f"*{MARK}"):
        if mark.stem.isdecimal() and sessions.pop(int(mark.stem), None) is None:
            mark.unlink(missing_ok=True)
    return sessions


def settle(folder: Path, session: int) -> None:
    """Say that every signal of a run is stored."""
    (folder / f"{session}{MARK}").touch()


def signals_again(
    segments: list[Path],
    load: Callable[[ModelName], ServedModel] | None = None,
    problems: list[str] | None = None,
) -> Iterator[list[Signal]]:
    """The signals of one run, found again in the order in which it found them.

    Parameters
    ----------
    segments
        All that the run wrote, from its first on.
    load
        Gives the models that predicted; None: only what detectors found is found again.
    problems
        Gets a line for each model that could not be loaded, or run: its signals are not found again.

    Raises
    ------
    CorruptLogError
        If the first segment is missing, or the run does not say what it looked for.
    UnavailableError
        At the end, if a model could not be run, as for want of memory: it may be another time.
    """
    log = RawLog(segments)
    if log.header.segment:
        raise CorruptLogError(f"{segments[0]} must be segment 0 of its run, got {log.header.segment}")
    said = read_log_metadata(log.metadata)
    if said is None:
        raise CorruptLogError(f"{segments[0]} does not say what its run looked for")
    detection, calibrations = said
    ids = [instrument.id for instrument in log.instruments]
    forecasting = Forecasting(
        lambda sink: Pipeline(log.instruments, detection, calibrations=calibrations, sink=sink),
        Forecasts(ids, [], PredictConfig()),
        load=load,
    )
    for event in log.events():
        yield forecasting.apply(event)
        if problems is not None:
            problems += forecasting.problems
            forecasting.problems.clear()
    if forecasting.has_failed:
        raise UnavailableError("its models could not be run")
