"""``TrainReport``: what a training came to, with one sentence that says whether it was worth it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from msray.training.config import TrainConfig
from msray.training.findings import Finding, look_into
from msray.training.fit import Problem
from msray.training.jobs import Trained
from msray.training.selection import Selection, select


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """What was learned from some rows, and judged on those behind them.

    Attributes
    ----------
    problem, selection
        What was learned, and what the models came to.
    """

    problem: Problem
    selection: Selection

    @property
    def span_ns(self) -> tuple[int, int]:
        """Exchange times of the first and the last row that judged."""
        times = self.problem.rows.event_ns[slice(*self.problem.parts.test)]
        return int(times.min()), int(times.max())

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**self.when(), "best": self.selection.best, **self.selection.report.as_dict()}

    def when(self) -> dict[str, int]:
        """When it was judged, for JSON."""
        begin_ns, end_ns = self.span_ns
        return {"begin_ns": begin_ns, "end_ns": end_ns}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrainReport:
    """Models that were trained on the same rows, judged on the same rows.

    Attributes
    ----------
    config
        What was asked for.
    instruments
        Whose rows they are, as ``venue:SYMBOL``.
    problem
        What was learned.
    selection
        What the models came to.
    findings
        Of each model, horizon by horizon, on the rows that judge.
    earlier
        What came before when it was walked forward, the earliest first.
    looks
        Trainings that had looked at some of the rows that judge before this one, as far as is known.
    """

    config: TrainConfig
    instruments: tuple[str, ...]
    problem: Problem
    selection: Selection
    findings: Mapping[str, tuple[Finding, ...]]
    earlier: tuple[Judged, ...] = ()
    looks: int = 0

    @property
    def last(self) -> Judged:
        """What was judged last, on the latest rows."""
        return Judged(problem=self.problem, selection=self.selection)

    @property
    def trained(self) -> list[Trained]:
        """All trainings."""
        return [one for blend in self.selection.blends for one in blend.trained]

    @property
    def verdict(self) -> str:
        """Which is best, whether it is better than the best rule, and whether its edge pays for the spread."""
        best, leads = self.selection.best, self.selection.report.leads(self.selection.best)
        shown = [str(one.horizon) for one in leads if one.low > 0]
        rest = [str(one.horizon) for one in leads if one.low <= 0]
        scores = ", ".join(f"{one.macro_f1:.3f}" for one in self.selection.report.of(best))
        ahead = _listed([str(horizon) for horizon in self.problem.config.horizons])
        among = (
            f"{best} is the best of {len(self.selection.mixtures)} models" if len(self.selection.mixtures) > 1 else best
        )
        parts = [f"{among}: macro F1 {scores} at {ahead} rows ahead"]
        if shown:
            parts.append(f"shown to be better than the best rule without a network at {_listed(shown)}")
        if rest:
            parts.append(f"not shown to be better than the best rule without a network at {_listed(rest)}")
        return "; ".join([*parts, self._edge_told(), *self._earlier_told()]) + "."

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "verdict": self.verdict,
            "instruments": list(self.instruments),
            "rows": {name: end - begin for name, (begin, end) in asdict(self.problem.parts).items()},
            "best": self.selection.best,
            "surprise": self.selection.surprise,
            "weights": {name: one.weights for name, one in self.selection.mixtures.items() if len(one.members) > 1},
            **self.selection.report.as_dict(),
            "covered": {name: [asdict(one) for one in some] for name, some in self.selection.covered.items()},
            "leads": {
                name: [asdict(one) for one in self.selection.report.leads(name)] for name in self.selection.mixtures
            },
            "trainings": [
                {"key": one.key, "parameters": one.parameters, "epochs": len(one.history)} for one in self.trained
            ],
            "findings": {name: [one.as_dict() for one in some] for name, some in self.findings.items()},
            "judged": self.last.when(),
            "looks_before": self.looks,
            "earlier": [one.as_dict() for one in self.earlier],
        }

    def _earlier_told(self) -> Iterator[str]:
        """Mean macro F1 of all judgements, of what each of them held to be best, beside that of its best rule."""
        if not self.earlier:
            return
        all_of_them = [*(one.selection for one in self.earlier), self.selection]
        mine = np.mean([[one.macro_f1 for one in some.report.of(some.best)] for some in all_of_them], axis=0)
        floors = [[some.report.best_floor(k).macro_f1 for k in self.problem.config.horizons] for some in all_of_them]
        means = [", ".join(f"{score:.3f}" for score in scores) for scores in (mine, np.mean(floors, axis=0))]
        yield f"in {len(all_of_them)} judgements, one behind the other, {means[0]} on average (best rules: {means[1]})"

    def _edge_told(self) -> str:
        """Of the tenth of the rows that the best model is surest of, beside the spread: what going in and out costs."""
        edges = [one.edge for one in self.findings[self.selection.best]]
        told = ", ".join(f"{edge.bps[-1]:+.2f}" for edge in edges)
        where = f"where it is surest the mid went {told} bps its way"
        spreads = [2 * edge.half_spread_bps[-1] for edge in edges]
        if not np.isfinite(spreads).all():
            return where
        costs = ", ".join(dict.fromkeys(f"{spread:.2f}" for spread in spreads))
        pays = [
            str(horizon)
            for horizon, edge, spread in zip(self.problem.config.horizons, edges, spreads, strict=True)
            if edge.bps[-1] > spread
        ]
        beside = f"more than it at {_listed(pays)}" if pays else "less than it at each"
        return f"{where}, beside a spread of {costs}: {beside}, fees not counted"


def make_report(
    config: TrainConfig,
    instruments: Sequence[str],
    problem: Problem,
    trained: Sequence[Trained],
    earlier: Iterable[tuple[Problem, Sequence[Trained]]] = (),
) -> TrainReport:
    """Choose, judge once, and look into what each model says.

    Parameters
    ----------
    config, instruments, problem
        See :class:`TrainReport`.
    trained
        All trainings.
    earlier
        The same of earlier rows, the earliest first.
    """
    selection = select(problem, trained, coverage=config.coverage)
    part = problem.parts.test
    return TrainReport(
        config=config,
        instruments=tuple(instruments),
        problem=problem,
        selection=selection,
        findings={name: look_into(problem, part, said) for name, said in selection.said.items()},
        earlier=tuple(
            Judged(problem=one, selection=select(one, some, coverage=config.coverage)) for one, some in earlier
        ),
    )


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
