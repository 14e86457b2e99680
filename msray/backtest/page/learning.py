"""What a report shows of when something was learned: the detectors of this backtest, and folds of its signals."""

from collections.abc import Iterator

import numpy as np

from msray.backtest.page import words as words
from msray.backtest.page.charts import Times
from msray.backtest.page.folds import fold_rows
from msray.backtest.page.html import Markup, element, from_user, table, together, undefined
from msray.backtest.page.shown import Shown, figure, note, twice
from msray.backtest.page.timeline import Row, Span, timeline, timeline_legend
from msray.backtest.tape import Tape
from msray.evaluation import PurgedKFold
from msray.market import GAP, SNAPSHOT, UNCALIBRATED

LEAST_LABELS = 10
"""Fewer judged signals are not parted into folds."""


def learned(shown: Shown) -> Markup:
    """What was learned when, and how the signals would be parted to learn from them."""
    return together([_detectors(shown), element("h3", {}, "Folds"), _folds(shown)])


def _detectors(shown: Shown) -> Markup:
    played = {name: tape for name, tape in shown.tapes.items() if len(tape.records)}
    if not played:
        return note("No tape at hand: what was learned when cannot be drawn.")
    rows = [_row(shown, name) for name in played]
    told = (
        "Thresholds are learned from the bars that show what is normal, and judge bars that come later. Signals before "
        "that go by thresholds of independent normal bars."
    )
    drawing = figure(
        told,
        timeline_legend(rows),
        twice(lambda width: timeline(width, "What was learned when", rows, period=shown.period)),
    )
    columns = ("instrument", "learned from, UTC", "to", "in force from", "before", "since")
    facts = [fact for name in played for fact in _facts(shown, name)]
    caption = "Thresholds of the detectors, and how many signals came before they were in force and since"
    return together([*_warnings(shown), drawing, table(caption, columns, facts, texts=(1, 2, 3))])


def _row(shown: Shown, name: str) -> Row:
    tape, known_ns = shown.tapes[name], shown.known_ns[name]
    end_ns, at_ns = int(known_ns[-1]), int(known_ns[0])
    spans: list[Span] = []
    for one in tape.learned:
        begin, end, applied = (_known(tape, known_ns, time) for time in (one.begin_ns, one.end_ns, one.applied_ns))
        spans += [Span(at_ns, applied, "applied" if spans else "unlearned"), Span(end, applied, "delayed")]
        spans += [Span(begin, end, "learned", f"{words.moment(one.begin_ns)} to {words.moment(one.end_ns)} UTC")]
        at_ns = applied
    spans.append(Span(at_ns, end_ns, "applied" if tape.learned else "unlearned"))
    trades = [trade for trade in shown.report.result.trades if trade.instrument == name]
    spans += [Span(trade.entry_ns, trade.exit_ns, "traded") for trade in trades]
    return name, [*spans, *_gaps(tape, known_ns)]


def _known(tape: Tape, known_ns: Times, event_ns: int) -> int:
    """When we knew that an exchange time was over, as far as the tape reaches."""
    times = np.maximum.accumulate(tape.records.messages["event_ns"])
    return int(known_ns[min(int(np.searchsorted(times, event_ns)), len(times) - 1)])


def _gaps(tape: Tape, known_ns: Times) -> Iterator[Span]:
    kinds = tape.records.messages["kind"]
    whole = np.flatnonzero(kinds == SNAPSHOT)
    for gap in np.flatnonzero(kinds == GAP).tolist():
        after = whole[np.searchsorted(whole, gap) :]
        end_ns = known_ns[after[0]] if len(after) else known_ns[-1]
        yield Span(int(known_ns[gap]), int(end_ns), "gap", "the book is not known")


def _facts(shown: Shown, name: str) -> Iterator[tuple[object, ...]]:
    tape = shown.tapes[name]
    early = sum(signal.calibration == UNCALIBRATED for signal in tape.signals)
    counts = f"{early:,}", f"{len(tape.signals) - early:,}"
    if not tape.learned:
        yield from_user(name), undefined("nothing was learned"), "", "", *counts
    for number, one in enumerate(tape.learned):
        since = "the beginning" if one.applied_ns == 0 else words.moment(one.applied_ns)
        times = words.moment(one.begin_ns), words.moment(one.end_ns), since
        yield from_user(name), *times, *(counts if number == 0 else ("", ""))


def _warnings(shown: Shown) -> Iterator[Markup]:
    """Whoever trades before he has learned, by what he will have learned, knows too much."""
    for name, tape in shown.tapes.items():
        times = tape.records.messages["event_ns"]
        for one in tape.learned:
            if one.applied_ns < one.end_ns and ((times > one.applied_ns) & (times < one.end_ns)).any():
                said = (
                    "What is normal was learned from a time that is traded here, or later: its signals know too much, "
                )
                yield element("p", {}, said, from_user(name))


def _folds(shown: Shown) -> Markup:
    """How the judged signals would be parted for cross-validation."""
    spans = shown.report.signals.spans
    if len(spans) < LEAST_LABELS:
        return note(undefined(f"fewer than {LEAST_LABELS} judged signals"))
    splitter = PurgedKFold(spans)
    facts = []
    for number in range(splitter.get_n_splits()):
        one = splitter.describe(number)
        counts = one.train_rows, one.test_rows, one.purged_rows, one.embargoed_rows
        facts.append((str(number + 1), *(f"{count:,}" for count in counts)))
    told = "How a model of these signals has to be cross-validated: a row is a fold, each label drawn where it begins."
    rows = fold_rows(spans, splitter)
    draw = twice(lambda width: timeline(width, "Folds of the judged signals", rows, title="fold"))
    drawing = figure(told, timeline_legend(rows), draw)
    return together([drawing, table("Labels in each fold", ("fold", "train", "test", "purged", "embargo"), facts)])
