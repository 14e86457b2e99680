"""Which snapshot is whose."""

from collections import Counter
from collections.abc import Sequence

from msray.market import Instrument


def hints(instruments: Sequence[Instrument]) -> list[int]:
    """The place of each instrument among those of its venue: its ``Frames.hint`` in a pipeline of these instruments."""
    seen: Counter[str] = Counter()
    places: list[int] = []
    for instrument in instruments:
        places.append(seen[instrument.venue])
        seen[instrument.venue] += 1
    return places
