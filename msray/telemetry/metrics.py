"""Figures of one process, and the text Prometheus reads from any number of them.

A process counts in :class:`Figures` and hands on :meth:`Figures.sample`: **cumulative** values, so one that is lost or
sent twice changes nothing. :func:`exposition` adds up the samples of all processes.
"""

import bisect
import itertools
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from msray.errors import UsageError
from msray.telemetry.families import FAMILIES, Family

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Values = tuple[float, ...]
"""The value of a counter or gauge; of a histogram the count in each bucket and above the last, then the sum of all."""
Series = dict[tuple[str, ...], Values]
"""Label values to values."""
Sample = dict[str, Series]
"""Family name to series."""

_BY_NAME = {family.name: family for family in FAMILIES}


class Figures:
    """Counts what one process does; safe to use from several threads.

    Examples
    --------
    >>> from msray.telemetry.families import GAPS
    >>> figures = Figures()
    >>> figures.add(GAPS, "binance_spot:BTCUSDT")
    >>> figures.sample()
    {'microstructure_book_gaps_total': {('binance_spot:BTCUSDT',): (1.0,)}}
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, dict[tuple[str, ...], list[float]]] = {}

    def start(self, family: Family, *labels: str) -> None:
        """Show a series at zero before anything happens, so that a rate over it sees the first event."""
        with self._lock:
            self._of(family, family.kind, labels)

    def add(self, family: Family, *labels: str, by: float = 1.0) -> None:
        """Count; ``by`` is not negative."""
        with self._lock:
            self._of(family, "counter", labels)[0] += by

    def set(self, family: Family, *labels: str, value: float) -> None:
        """Replace a gauge."""
        with self._lock:
            self._of(family, "gauge", labels)[0] = value

    def observe(self, family: Family, *labels: str, value: float) -> None:
        """Add one observation to a histogram."""
        with self._lock:
            counts = self._of(family, "histogram", labels)
            counts[bisect.bisect_left(family.buckets, value)] += 1
            counts[-1] += value

    def sample(self) -> Sample:
        """All values so far, ready to be sent."""
        with self._lock:
            return {name: {key: tuple(row) for key, row in series.items()} for name, series in self._values.items()}

    def _of(self, family: Family, kind: str, labels: tuple[str, ...]) -> list[float]:
        if family.kind != kind or len(labels) != len(family.labels):
            wanted, got = f"{family.kind} with labels {family.labels}", f"{kind} with {len(labels)} of them"
            raise UsageError(f"{family.name} must be used as a {wanted}, got a {got}")
        series = self._values.setdefault(family.name, {})
        return series.setdefault(labels, list(_nothing(family)))


def exposition(samples: Iterable[Sample], unknown: Collection[Family] = ()) -> str:
    """Text in Prometheus' format: every family that is declared, with or without samples.

    Parameters
    ----------
    samples
        One a process. Counters and histograms are added up; of a gauge the last one given counts.
    unknown
        Families of which nothing is known now, and nothing is told: a zero would be read as a total that began anew.
    """
    merged: Sample = {}
    for sample in samples:
        add_to(merged, sample)
    registry = CollectorRegistry()
    registry.register(_Merged(merged, [family for family in FAMILIES if family not in unknown]))
    return generate_latest(registry).decode()


class _Merged(Collector):
    def __init__(self, sample: Sample, families: Sequence[Family]) -> None:
        self._sample = sample
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            series = self._sample.get(family.name, {})
            yield _metric(family, series if series or family.labels else {(): _nothing(family)})


def add_to(total: Sample, sample: Sample, *, adds_gauges: bool = False) -> None:
    """Add a sample to a total; of a gauge the last value counts, unless gauges add up too."""
    for name, series in sample.items():
        into = total.setdefault(name, {})
        for labels, values in series.items():
            before = into.get(labels)
            adds = before is not None and (adds_gauges or _BY_NAME[name].kind != "gauge")
            into[labels] = tuple(a + b for a, b in zip(before or (), values, strict=True)) if adds else values


def _metric(family: Family, series: Series) -> Metric:
    rows = sorted(series.items())
    if family.kind == "histogram":
        histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
        for labels, counts in rows:
            histogram.add_metric(labels, _buckets(family, counts), counts[-1])
        return histogram
    if family.kind == "counter":
        counter = CounterMetricFamily(family.name, family.help, labels=family.labels)
        for labels, values in rows:
            counter.add_metric(labels, values[0])
        return counter
    gauge = GaugeMetricFamily(family.name, family.help, labels=family.labels)
    for labels, values in rows:
        gauge.add_metric(labels, values[0])
    return gauge


def _buckets(family: Family, counts: Values) -> list[tuple[str, float]]:
    bounds = [*(repr(bound) for bound in family.buckets), "+Inf"]
    return list(zip(bounds, itertools.accumulate(counts[:-1]), strict=True))


def _nothing(family: Family) -> Values:
    return (0.0,) * (len(family.buckets) + 2 if family.kind == "histogram" else 1)
