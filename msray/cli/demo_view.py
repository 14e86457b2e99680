"""What the demo sees, and how it says it."""

import math
import time
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from msray.cli.demo_market import Market
from msray.cli.http import get_json
from msray.errors import MsrayError
from msray.evaluation import Alarm, PlantedChange, PlantedScore, score_planted
from msray.evaluation.planted import SIGNAL_TYPES

if TYPE_CHECKING:
    from rich.console import Group

    from msray.on_ray.board import BoardView

_SECOND = 1_000_000_000
_CHECKED_LEVELS = 20
_CHANGES_SHOWN = 8


class Watched:
    """Everything seen so far: the board's view, the API's signals, the simulator's truth.

    Parameters
    ----------
    market
        What is played.
    api
        URL of the API.
    """

    def __init__(self, market: Market, api: str) -> None:
        self.market, self.api = market, api
        self.view: BoardView | None = None
        self.changes: list[PlantedChange] = []
        self.alarms: list[Alarm] = []
        self.uncalibrated = 0
        self.books_checked = 0
        self.books_wrong: list[str] = []
        self.is_over = False
        self.started_s = time.monotonic()
        self.seconds = 0.0
        self._cursor = ""
        self._told: set[tuple[str, int]] = set()

    def look(self) -> list[str]:
        """Ask everybody; what is new, a line each."""
        from msray.on_ray import running

        self.view = running.look()
        status = self.market.status()
        self.is_over = status["state"] == "done"
        self.changes = self.market.changes()
        self._read_signals()
        self._check_books()
        self.seconds = time.monotonic() - self.started_s
        return list(self._news())

    @property
    def market_ns(self) -> int:
        """Exchange time that every instrument has reached."""
        return min((one.event_ns for one in self.view.instruments), default=0) if self.view else 0

    @property
    def quality(self) -> dict[str, int]:
        """Counters of all instruments together."""
        total: dict[str, int] = {}
        for one in self.view.instruments if self.view else ():
            for name in ("depth_messages", "trades", "gaps"):
                total[name] = total.get(name, 0) + int(one.quality[name] or 0)
        return total

    def score(self) -> PlantedScore:
        """Changes that are over, against the alarms up to those that are still on."""
        over = [change for change in self.changes if change.end_ns < self.market_ns]
        on_ns = {change.instrument: change.begin_ns for change in self.changes if change.end_ns >= self.market_ns}
        alarms = [one for one in self.alarms if one.event_ns <= on_ns.get(one.instrument, one.event_ns)]
        return score_planted(over, alarms, begin_ns=self.market.judged_ns, end_ns=self.market_ns)

    def delay_of(self, change: PlantedChange) -> float | None:
        """Market seconds until a change was found."""
        return score_planted([change], self.alarms, begin_ns=0, end_ns=self.market_ns).delays_s[0]

    def _read_signals(self) -> None:
        while True:
            after = f"&after={self._cursor}" if self._cursor else ""
            page = get_json(f"{self.api}/api/v1/signals?order=oldest&limit=500{after}")
            for one in page["signals"]:
                if one["calibration"] == "uncalibrated":
                    self.uncalibrated += 1
                else:
                    self.alarms.append(
                        Alarm(instrument=one["instrument"], signal_type=one["signal_type"], event_ns=one["event_ns"])
                    )
            self._cursor = page["cursor"] or self._cursor
            if page["next"] is None:
                return

    def _check_books(self) -> None:
        """Compare the books that the API shows with the exchange's own, at the same update id."""
        for name, venue, symbol in ((one.id, one.venue, one.symbol) for one in self.market.instruments):
            try:
                book = get_json(f"{self.api}/api/v1/books/{name}?depth={_CHECKED_LEVELS}")
                if book["bids"] is None:
                    continue
                where = f"{self.market.url}/oracle/book?venue={venue}&symbol={symbol}&id={book['update_id']}"
                truth = get_json(where)
            except MsrayError:
                continue  # the exchange remembers its last books only
            self.books_checked += 1
            if any(_levels(book[side]) != _levels(truth[side])[: len(book[side])] for side in ("bids", "asks")):
                self.books_wrong.append(f"{name} at {book['update_id']}")

    def _news(self) -> Iterator[str]:
        for change in self.changes:
            key = change.instrument, change.begin_ns
            if key in self._told:
                continue
            delay, is_over = self.delay_of(change), change.end_ns < self.market_ns
            if delay is not None or is_over:
                self._told.add(key)
                at_s = (change.begin_ns - self.market.opened_ns) / _SECOND
                verdict = "missed" if delay is None else f"found after {delay:.1f} s"
                yield f"{at_s:6.1f} s  {change.instrument:<28} {change.kind:<10} {verdict}"


def summary(watched: Watched) -> dict[str, Any]:
    """The result, for programs."""
    quality, score = watched.quality, watched.score()
    events = quality.get("depth_messages", 0) + quality.get("trades", 0)
    unsynced = [one.instrument for one in watched.view.instruments if one.state != "synced"] if watched.view else []
    low, high = score.interval
    return {
        "seconds": round(watched.seconds, 1),
        "events": events,
        "instruments": [one.id for one in watched.market.instruments],
        "planted": len(score.delays_s),
        "found": score.found,
        "found_share": score.share,
        "found_share_low": low,
        "found_share_high": high,
        "found_by_chance": score.chance,
        "delay_s": {"p50": score.delay_s(0.5), "p90": score.delay_s(0.9)},
        "alarms": score.inside + score.returning + score.elsewhere,
        "alarms_in_changes": score.inside,
        "alarms_on_return": score.returning,
        "false_alarms": score.elsewhere,
        "uncalibrated_alarms": watched.uncalibrated,
        "gaps": quality.get("gaps", 0),
        "gaps_healed": quality.get("gaps", 0) - len(unsynced),
        "books_checked": watched.books_checked,
        "books_wrong": len(watched.books_wrong),
        "latency_ms": _latencies(watched.api),
    }


def summary_lines(result: Mapping[str, Any]) -> Iterator[str]:
    """The result, for people."""
    latency = result["latency_ms"]
    yield f"{result['events']:,} events of {len(result['instruments'])} instruments in {result['seconds']:.0f} s"
    yield f"books compared with the exchange's own: {result['books_checked']}, wrong: {result['books_wrong']}"
    yield f"gaps: {result['gaps']}, healed: {result['gaps_healed']}"
    if result["planted"]:
        share, low, high = (f"{result[name]:.0%}" for name in ("found_share", "found_share_low", "found_share_high"))
        yield (
            f"planted changes: {result['planted']}, found: {result['found']} ({share}; 95 % interval {low} to {high}; "
            f"as many alarms at random times: {result['found_by_chance']:.0%})"
        )
        delay = result["delay_s"]
        yield f"found after {delay['p50']:.1f} s of the market in the median, {delay['p90']:.1f} s in nine of ten"
    yield (
        f"alarms: {result['alarms']}, in a change {result['alarms_in_changes']}, on the return to normal "
        f"{result['alarms_on_return']}, false {result['false_alarms']}; before calibration "
        f"{result['uncalibrated_alarms']}"
    )
    yield (
        f"a batch of events to its signals: {latency['processing_p50']:.2f} ms in the median, "
        f"{latency['processing_p99']:.1f} ms in 99 of 100; a commit: {latency['commit_p50']:.1f} ms, "
        f"{latency['commit_p99']:.1f} ms"
    )


def shown(watched: Watched, urls: Mapping[str, str]) -> "Group":
    """Both tables, for a screen that moves."""
    from rich import box
    from rich.console import Group
    from rich.table import Table

    books = Table(
        "instrument", "book", "mid", "spread bps", "messages", "trades", "gaps", "alarms", box=box.SIMPLE_HEAD
    )
    for one in sorted(watched.view.instruments, key=lambda one: one.instrument) if watched.view else ():
        mid, spread = one.features.get("mid_price", math.nan), one.features.get("spread_bps", math.nan)
        alarms = sum(alarm.instrument == one.instrument for alarm in watched.alarms)
        counts = [f"{int(one.quality[name] or 0):,}" for name in ("depth_messages", "trades", "gaps")]
        books.add_row(one.instrument, one.state, f"{mid:.6g}", f"{spread:.2f}", *counts, str(alarms))
    planted = Table("market time", "instrument", "planted", "detection", box=box.SIMPLE_HEAD)
    for change in sorted(watched.changes, key=lambda one: one.begin_ns)[-_CHANGES_SHOWN:]:
        delay, is_over = watched.delay_of(change), change.end_ns < watched.market_ns
        verdict = "[yellow]waiting[/]" if not is_over else "[red]missed[/]"
        if delay is not None:
            verdict = f"[green]found after {delay:.1f} s[/] ({' or '.join(SIGNAL_TYPES[change.kind])})"
        at_s = (change.begin_ns - watched.market.opened_ns) / _SECOND
        planted.add_row(f"{at_s:.1f} s", change.instrument, change.kind, verdict)
    return Group(books, _where(watched), planted, "  ".join(urls.values()))


def _where(watched: Watched) -> str:
    market = watched.market
    if not market.opened_ns:
        return f"{watched.seconds:.0f} s; {len(watched.alarms) + watched.uncalibrated} signals"
    at_s, calm_s = (max(ns - market.opened_ns, 0) / _SECOND for ns in (watched.market_ns, market.judged_ns))
    wait = (
        f"learning what is normal until {calm_s:.0f} s"
        if at_s < calm_s
        else f"{watched.score().elsewhere} false alarms"
    )
    checked = f"books checked: {watched.books_checked}, wrong: {len(watched.books_wrong)}"
    return f" {at_s:.0f} s of the market; {wait}; {checked}"


def _levels(levels: list[list[str]]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(size)) for price, size, *_ in levels]


def _latencies(api: str) -> dict[str, float]:
    """Quantiles of the histograms that the API shows, in milliseconds."""
    import urllib.request

    from prometheus_client.parser import text_string_to_metric_families

    from msray.telemetry.families import COMMIT, SIGNAL_PROCESSING

    with urllib.request.urlopen(f"{api}/metrics", timeout=10) as answer:
        families = {one.name: one for one in text_string_to_metric_families(answer.read().decode())}
    return {
        f"{name}_p{share:.0f}": _quantile(families.get(family.name), share / 100) * 1e3
        for name, family in (("processing", SIGNAL_PROCESSING), ("commit", COMMIT))
        for share in (50.0, 99.0)
    }


def _quantile(family: Any, share: float) -> float:
    """As Prometheus does it: linear inside a bucket; NaN where nothing was observed."""
    samples = family.samples if family else []
    edges = [one for one in samples if one.name.endswith("_bucket")]
    buckets: list[tuple[float, float]] = sorted((float(one.labels["le"]), one.value) for one in edges)
    total = buckets[-1][1] if buckets else 0
    if not total:
        return math.nan
    before_edge, before = 0.0, 0.0
    for edge, count in buckets:
        if count >= share * total:
            if math.isinf(edge):
                return before_edge
            return before_edge + (edge - before_edge) * (share * total - before) / max(count - before, 1)
        before_edge, before = edge, count
    return before_edge
