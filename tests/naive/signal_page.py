"""A page of signals by looking at every one of them."""

from msray.store.ledger_records import SignalQuery, StoredSignal


def page(rows: list[StoredSignal], query: SignalQuery) -> list[StoredSignal]:
    """What a ledger that holds ``rows`` answers."""
    found = []
    for row in sorted(rows, key=lambda row: row.seq, reverse=query.newest_first):
        signal = row.signal
        if query.after is not None and (row.seq >= query.after if query.newest_first else row.seq <= query.after):
            continue
        if query.instrument not in (None, signal.instrument) or query.signal_type not in (None, signal.signal_type):
            continue
        if query.since_ns is not None and signal.event_ns < query.since_ns:
            continue
        if query.until_ns is not None and signal.event_ns >= query.until_ns:
            continue
        if query.min_score is not None and signal.score < query.min_score:
            continue
        found.append(row)
    return found[: query.limit]
