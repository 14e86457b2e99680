"""Recordings as tapes: what the verbs that look at signals and prices have in common."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from msray.cli.output import Output
from msray.cli.replay import show_progress, words_for

if TYPE_CHECKING:
    from msray.backtest import Tape
    from msray.feeds.replay import Replay


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What to read, and with what words.

    Attributes
    ----------
    paths
        Recordings, or the folder of a raw log.
    venue
        Whose the recordings are, where their shape must not decide.
    config, calibration
        Files that were named.
    """

    paths: Sequence[Path]
    venue: str | None
    config: Path | None
    calibration: Path | None

    def open(self) -> "Replay":
        """Find what is to be read; nothing is read yet."""
        from msray.feeds.replay import open_replay

        return open_replay(self.paths, venue=self.venue)

    def tapes(
        self, out: Output, opened: "Replay", *, until_ns: int | None = None, features: Sequence[str] = ()
    ) -> "list[Tape]":
        """Replay it once, one tape an instrument."""
        from msray.cli.calibrations import remembering
        from msray.feeds.tapes import read_tapes

        words, known = words_for(opened, self.config, self.calibration)
        with show_progress(out, "replay", opened) as progress:
            return read_tapes(
                opened,
                words,
                calibrations=known,
                solver=remembering(),
                features=features,
                until_ns=until_ns,
                progress=progress,
            )


def time_of(text: str | None) -> int | None:
    """Nanoseconds of a time that was named; None if none was."""
    if text is None:
        return None
    from msray.store.ledger_records import parse_time

    return parse_time(text)
