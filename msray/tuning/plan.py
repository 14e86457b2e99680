"""``Plan``: what is searched, on which windows of which recordings."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from msray.backtest.strategy import MakeStrategy, Strategy
from msray.backtest.tape import Tape
from msray.errors import UsageError
from msray.tuning.assumed import Assumed, checked_space, default_space, searches_detection
from msray.tuning.backtests import Backtests
from msray.tuning.config import TuneConfig
from msray.tuning.space import SearchSpace
from msray.tuning.windows import Windows, known_span, longest_ns, make_windows

_HOLDING = "backtest.max_holding_seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a search of backtests is about.

    Attributes
    ----------
    strategy
        By its name.
    config
        How much is tried, and on what.
    space
        What can be chosen; every set of it is a configuration.
    backtests
        What is the same in all trials.
    """

    strategy: str
    config: TuneConfig
    space: SearchSpace
    backtests: Backtests

    @classmethod
    def of(cls, strategy: str, make: MakeStrategy, config: TuneConfig, base: Assumed, *, is_calibrated: bool) -> "Plan":
        """Make a plan.

        Parameters
        ----------
        strategy, make
            Its name, and what makes a new one.
        config
            Its space may be empty: then it is what the strategy offers.
        base
            What is assumed where a parameter does not say otherwise.
        is_calibrated
            Whether the detectors' thresholds are given. Then their parameters cannot be searched.

        Raises
        ------
        UsageError
            If a parameter cannot be searched, or a strategy of the user's own comes without a space.
        """
        space = dict(config.space) or default_space(strategy, base, detects=not is_calibrated)
        if is_calibrated and searches_detection(space):
            raise UsageError(
                "detection cannot be searched with calibrations that were made before: they hold for the words they "
                "were made with",
                hint="leave the calibration out, or the parameters of detection",
            )
        backtests = Backtests(base=base, strategy=make, objective=config.objective)
        return cls(strategy=strategy, config=config, space=checked_space(space, base), backtests=backtests)

    def windows(self, tapes: Sequence[Tape]) -> Windows:
        """Folds of some recordings, and the part that is held out.

        Raises
        ------
        UsageError
            As :func:`make_windows` does; also if detectors were calibrated on what trials are judged by.
        """
        base = self.backtests.base
        longest = base.having({_HOLDING: max(self.space[_HOLDING].ends)}) if _HOLDING in self.space else base
        hears = type(self.backtests.strategy(base.backtest)).on_signal is not Strategy.on_signal
        begin_ns, end_ns = known_span(tapes, base.backtest)
        made = make_windows(begin_ns, end_ns, self.config, purge_ns=longest_ns(longest.backtest) if hears else 0)
        for tape in tapes:
            if any(one.applied_ns < one.end_ns and one.end_ns > made.folds[0].begin_ns for one in tape.learned):
                raise UsageError(
                    f"calibration of {tape.instrument.id} must come from before the recordings: it knows what trials "
                    "are judged by",
                    hint="leave it out, then detectors learn as they go on; or use one of earlier recordings",
                )
        return made

    def digest(self, code: str) -> str:
        """What makes it one search, and not another, on the same recordings; ``code`` stands for the strategy."""
        base = self.backtests.base
        space = {name: axis.model_dump(mode="json") for name, axis in sorted(self.space.items())}
        how = self.config.model_dump(mode="json", exclude={"trials", "space"})
        words = (code, base.backtest.model_dump_json(), base.detection.model_dump_json(), space, how)
        return hashlib.sha256(json.dumps(words, sort_keys=True).encode()).hexdigest()[:32]
