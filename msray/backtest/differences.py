"""Two runs over one market: the first thing that differs, in what was computed and in what was done."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np

from msray.backtest.diary import Diary, Entry
from msray.backtest.tape import Tape
from msray.features import CATALOGUE
from msray.market import Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that is not as it was.

    Attributes
    ----------
    test
        ``cut``: the recording ends earlier; ``repeat``: a strategy is run once more; ``disguise``: on other dates;
        ``calibration``: it was learned later than it judges.
    at_ns
        Local time at which it was known or done.
    what
        ``feature ofi_l5 of venue:SYMBOL``, ``order``.
    whole, other
        What it is in the whole recording, and in the other run.
    cut_ns
        Where the other run's recording ends, local time; 0 where it does not.
    """

    test: str
    at_ns: int
    what: str
    whole: str
    other: str
    cut_ns: int = 0


_Found = tuple[int, str, str, str]
"""Message at which something differs, what, and the two values."""


def differing_tapes(whole: Tape, cut: Tape, cut_ns: int) -> Difference | None:
    """The first row or signal that a recording which ends at a local time gives otherwise.

    Parameters
    ----------
    whole, cut
        Of the same instrument, with the same feature columns.
    cut_ns
        Up to which messages were read.
    """
    known_ns = np.maximum.accumulate(whole.records.messages["local_ns"])
    messages = int(np.searchsorted(known_ns, cut_ns, side="right"))
    found = [one for one in (_differing_rows(whole, cut, messages), _differing_signals(whole, cut, messages)) if one]
    if not found:
        return None
    message, what, was, now = min(found)
    return Difference(
        test="cut",
        at_ns=int(known_ns[message]),
        what=f"{what} of {whole.instrument.id}",
        whole=was,
        other=now,
        cut_ns=cut_ns,
    )


def differing_diaries(
    test: str, whole: Diary, entries: Sequence[Entry], until_ns: int, cut_ns: int = 0
) -> Difference | None:
    """The first thing that was done otherwise up to a time."""
    before, after = ([one for one in told if one.at_ns <= until_ns] for told in (whole.entries, entries))
    nothing = Entry(until_ns, "", "nothing")
    for was, now in zip_longest(before, after, fillvalue=nothing):
        if was != now:
            return Difference(
                test=test,
                at_ns=min(was.at_ns, now.at_ns),
                what="error" if now.what == "error" else was.what or now.what,
                whole=f"{was.what} {was.text}".strip(),
                other=f"{now.what} {now.text}".strip(),
                cut_ns=cut_ns,
            )
    return None


def told(signal: Signal) -> str:
    """A signal in words that two are compared by."""
    return f"{signal.signal_type} {signal.direction:+d}, score {signal.score!r}, {signal.signal_id}"


def _differing_rows(whole: Tape, cut: Tape, messages: int) -> _Found | None:
    expected, rows = int(np.searchsorted(whole.row_message, messages)), len(cut.row_message)
    both = min(expected, rows)
    before, after = whole.values[:both], cut.values[:both]
    differs = (before != after) & ~(np.isnan(before) & np.isnan(after))
    moved = (whole.bests[:both] != cut.bests[:both]).any(axis=1)
    wrong = np.flatnonzero(differs.any(axis=1) | moved)
    if wrong.size:
        row = int(wrong[0])
        message = int(whole.row_message[row])
        if moved[row]:
            return message, "best prices", str(whole.bests[row].tolist()), str(cut.bests[row].tolist())
        column = int(np.argmax(differs[row]))
        name = CATALOGUE[whole.columns[column]].name
        return message, f"feature {name}", repr(float(before[row, column])), repr(float(after[row, column]))
    if expected != rows:
        return max(messages - 1, 0), "number of rows", str(expected), str(rows)
    return None


def _differing_signals(whole: Tape, cut: Tape, messages: int) -> _Found | None:
    expected = int(np.searchsorted(whole.signal_message, messages))
    for number in range(max(expected, len(cut.signals))):
        was = told(whole.signals[number]) if number < expected else "none"
        now = told(cut.signals[number]) if number < len(cut.signals) else "none"
        if was != now:
            message = int((whole if number < expected else cut).signal_message[number])
            return min(message, len(whole.records) - 1), "signal", was, now
    return None
