"""Figures that only the ledger knows, so that every replica says the same."""

from collections.abc import Collection

from msray.store.ledger_reader import LedgerReader
from msray.telemetry.families import ACTIVE_SIGNALS, DETECTION_SCORE, OTHER, OUTBOX, SIGNALS
from msray.telemetry.metrics import Sample


def ledger_sample(
    ledger: LedgerReader, *, symbols: Collection[str], signal_types: Collection[str], active_since_ns: int
) -> Sample:
    """Counts of signals and messages.

    Parameters
    ----------
    ledger
        Whom to ask.
    symbols, signal_types
        Names that may be labels, besides those of this system's own detections; all others are ``other``, so that a
        client who invents names adds no series.
    active_since_ns
        Signals stored at or after this are active.
    """
    own_symbols, own_types = ledger.known_names()
    all_symbols, all_types = {*symbols, *own_symbols}, {*signal_types, *own_types}
    totals = {(OTHER, OTHER): 0} | {
        (tally.signal_type, tally.instrument): tally.signals for tally in ledger.totals(all_symbols, all_types)
    }
    active = dict.fromkeys([*all_types, OTHER], 0) | ledger.active(active_since_ns, all_types)
    scores = ledger.last_scores(all_symbols, all_types)
    return {
        SIGNALS.name: {names: (float(count),) for names, count in totals.items()},
        ACTIVE_SIGNALS.name: {(name,): (float(count),) for name, count in active.items()},
        DETECTION_SCORE.name: {names: (score,) for names, score in scores.items()},
        OUTBOX.name: {(state.name.lower(),): (float(count),) for state, count in ledger.unsettled().items()},
    }
