"""Backtests as lines of the trial log: what verbs that trade recordings have in common."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from msray.backtest import BacktestConfig, BacktestResult, MakeStrategy, RunAll, Tape
    from msray.detectors import Calibration
    from msray.prediction import DetectionConfig
    from msray.store.trial_log import LoggedTrial
    from msray.tuning import Assumed


class Trader:
    """Who trades: a strategy by its name, with the words and the calibrations behind its signals.

    Parameters
    ----------
    strategy
        ``follower``, ``maker``, or ``FILE.py:CLASS``.
    calibrations
        In force from the start, by instrument id.

    Attributes
    ----------
    strategy, code
        Its name, and what stands for all of it.
    """

    def __init__(self, strategy: str, calibrations: "Mapping[str, Calibration]") -> None:
        self.strategy = strategy
        place = Path(strategy.rpartition(":")[0])
        code = hashlib.sha256(place.read_bytes()).hexdigest() if place.suffix == ".py" else ""
        self.code = repr((strategy, code, sorted((name, one.digest) for name, one in calibrations.items())))

    def trial_id(self, assumed: "Assumed") -> str:
        """Of a configuration: the same for whoever tries it once more."""
        words = assumed.detection.model_dump_json(exclude={"calibration": {"file"}})
        text = "\n".join((self.code, assumed.backtest.model_dump_json(), words))
        return hashlib.sha256(text.encode()).hexdigest()[:32]


class Remembered:
    """Runs backtests as another does, and remembers what came out."""

    def __init__(self, run: "RunAll") -> None:
        self.results: list[BacktestResult] = []
        self._run = run

    def __call__(
        self, tapes: "Sequence[Tape]", configs: "Sequence[BacktestConfig]", make: "MakeStrategy"
    ) -> "list[BacktestResult]":
        """See :data:`~msray.backtest.RunAll`."""
        self.results = self._run(tapes, configs, make)
        return self.results

    def lines(
        self, trader: Trader, words: "DetectionConfig", run_id: str, span: tuple[int, int]
    ) -> "list[LoggedTrial]":
        """What came out, as the log of trials has it."""
        from msray.backtest.result import binned_returns
        from msray.backtest.variants import BINS
        from msray.store.trial_log import LoggedTrial
        from msray.tuning import Assumed

        return [
            LoggedTrial(
                trial_id=trader.trial_id(Assumed(backtest=result.config, detection=words)),
                run_id=run_id,
                study="",
                strategy=trader.strategy,
                parameters=said({"backtest": result.config, "detection": words}),
                state="whole",
                scores=(),
                returns=tuple(binned_returns(result, *span, BINS).tolist()),
            )
            for result in self.results
        ]


def said(sections: Mapping[str, BaseModel]) -> dict[str, Any]:
    """What a configuration says that is not said by default, by dotted names."""

    def flat(tree: Any, before: str) -> dict[str, Any]:
        if not isinstance(tree, dict):
            return {before: tree}
        return {key: one for name, inner in tree.items() for key, one in flat(inner, f"{before}.{name}").items()}

    found: dict[str, Any] = {}
    for name, section in sections.items():
        found |= flat(section.model_dump(mode="json", exclude_defaults=True), name)
    return found
