"""A shard's main figures as Ray's own metrics, for the Ray dashboard; the API's ``/metrics`` has all of them."""

from ray.util.metrics import Gauge

from msray.api.state import InstrumentSnapshot
from msray.on_ray.shard_report import ShardUpdate
from msray.telemetry.families import GAPS, MESSAGES


class RayFigures:
    """Shows updates of one shard; to be made inside its actor.

    Parameters
    ----------
    shard
        Its name, the tag of every series.
    """

    def __init__(self, shard: str) -> None:
        self._gauges = {name: _gauge(name, text, shard) for name, text in _FIGURES.items()}

    def show(self, update: ShardUpdate[InstrumentSnapshot]) -> None:
        """Set every figure to what the update says; totals are since the shard's start."""
        quality = [one.quality for one in update.instruments]
        values = {
            "msray_books_synced": sum(one.state == "synced" for one in update.instruments),
            "msray_messages": sum(one["depth_messages"] or 0 for one in quality),
            "msray_gaps": sum(one["gaps"] or 0 for one in quality),
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
