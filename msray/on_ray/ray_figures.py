"""A shard's main figures as Ray's own metrics, for the Ray dashboard; the API's ``/metrics`` has all of them."""

from ray.util.metrics import Gauge

from msray.on_ray.shard_report import ShardUpdate
from msray.telemetry.families import BOOK_STATE, GAPS, MESSAGES, Family


class RayFigures:
    """Shows updates of one shard; to be made inside its actor.

    Parameters
    ----------
    shard
        Its name, the tag of every series.
    """

    def __init__(self, shard: str) -> None:
        self._gauges = {name: _gauge(name, text, shard) for name, text in _FIGURES.items()}

    def show(self, update: ShardUpdate) -> None:
        """Set every figure to what the update says; totals are since the shard's start."""

        def total(family: Family, last_label: str = "") -> float:
            rows = update.sample.get(family.name, {}).items()
            return sum(value for labels, (value,) in rows if not last_label or labels[-1] == last_label)

        values = {
            "msray_books_synced": total(BOOK_STATE, "synced"),
            "msray_messages": total(MESSAGES, "depth"),
            "msray_gaps": total(GAPS),
            "msray_signals_stored": update.status.signals_stored,
            "msray_signals_waiting": update.status.signals_waiting,
        }
        for name, value in values.items():
            self._gauges[name].set(value)


_FIGURES = {
    "msray_books_synced": "Books of the shard that are synced.",
    "msray_messages": f"Depth messages taken; {MESSAGES.name} tells them by instrument.",
    "msray_gaps": f"Times a book became unknown; {GAPS.name} tells them by instrument.",
    "msray_signals_stored": "Signals that are durable.",
    "msray_signals_waiting": "Signals that wait to be stored.",
}


def _gauge(name: str, text: str, shard: str) -> Gauge:
    gauge = Gauge(name, description=text, tag_keys=("shard",))
    gauge.set_default_tags({"shard": shard})
    return gauge
