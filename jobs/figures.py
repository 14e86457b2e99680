"""What every ``measure_*.py`` prints: figures with their goal and what stands beside them."""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

SCHEMA = "msray.measure/1"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured number.

    Attributes
    ----------
    name, value, unit
        What it is.
    how
        How it was measured, in one line: data, runs, clock.
    op, goal
        ``<=`` or ``>=`` and the goal, if there is one.
    beside
        Peers or floors measured in the same run, in the same unit.
    """

    name: str
    value: float
    unit: str
    how: str
    op: str = "<="
    goal: float | None = None
    beside: dict[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """The best peer over this figure (more than 1: this is better); None without one, or over 0."""
        if not self.beside:
            return None
        peers = self.beside.values()
        over, under = (min(peers), self.value) if self.op == "<=" else (self.value, max(peers))
        return over / under if under else None

    @property
    def is_met(self) -> bool | None:
        """Whether the goal is met, None without one."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.op == "<=" else self.value >= self.goal

    def document(self) -> dict[str, Any]:
        """As it stands in the JSON document."""
        raw = asdict(self)
        goal = None if self.goal is None else {"op": self.op, "value": self.goal}
        return {k: raw[k] for k in ("name", "value", "unit")} | {
            "goal": goal,
            "beside": self.beside,
            "ratio": self.ratio,
            "how": self.how,
        }


def arguments(description: str | None) -> argparse.ArgumentParser:
    """The options all measurements share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
    parser.add_argument("--runs", type=int, default=7, help="runs of each timing; the median counts")
    parser.add_argument("--data", type=Path, default=data_folder(), help="folder of recordings (MSRAY_DATA)")
    return parser


def data_folder() -> Path:
    """Where recordings lie: MSRAY_DATA, or ../shared/data beside the repository."""
    return Path(os.environ.get("MSRAY_DATA") or Path(__file__).parent.parent.parent / "shared" / "data")


def report(figures: list[Figure], *, as_json: bool) -> int:
    """Print the figures; the exit status says whether something could be measured."""
    if as_json:
        json.dump({"schema": SCHEMA, "figures": [figure.document() for figure in figures]}, sys.stdout, indent=1)
        sys.stdout.write("\n")
        return 0 if figures else 3
    width = max((len(figure.name) for figure in figures), default=0)
    for figure in figures:
        verdict = "met" if figure.is_met else "MISSED"
        goal = "" if figure.goal is None else f"  goal {figure.op} {figure.goal:g} {verdict}"
        beside = ", ".join(f"{name} {value:.4g}" for name, value in figure.beside.items())
        peers = f"  beside {beside}" if beside else ""
        ratio = "" if figure.ratio is None else f" ({figure.ratio:.2f}x)"
        sys.stdout.write(f"{figure.name:<{width}}  {figure.value:>12.4g} {figure.unit}{goal}{peers}{ratio}\n")
    return 0 if figures else 3


def median_seconds(work: Callable[[Any], object], prepare: Callable[[], Any], runs: int) -> float:
    """Median CPU seconds of ``work(prepare())``, preparation not counted, after one warm call."""
    work(prepare())
    spent = []
    for _ in range(runs):
        made = prepare()
        start = time.process_time()
        work(made)
        spent.append(time.process_time() - start)
    return statistics.median(spent)
