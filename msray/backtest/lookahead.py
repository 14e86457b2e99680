"""Whether anything knew what was yet to come: a recording that ends earlier must say the same until there.

Signals, feature rows and a strategy's orders are made again from the recording cut at some times, and compared with
those of the whole. A strategy is also run twice on the same market, and on one in disguise: the same but for dates and
ids, which nobody could have read about.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from msray.backtest.config import SECOND, BacktestConfig
from msray.backtest.diary import Diary, kept_diary
from msray.backtest.differences import Difference, differing_diaries, differing_tapes, told
from msray.backtest.latency_log import LatencyLog
from msray.backtest.strategy import MakeStrategy
from msray.backtest.tape import Tape
from msray.detectors import Calibration
from msray.market import Records, signal_id

DISGUISE_NS = 364 * 86_400 * SECOND
"""Whole weeks, so that the day of the week and the time of day stay."""
DISGUISE_ID = 1_000_000_007


@dataclass(frozen=True, slots=True, kw_only=True)
class LookaheadReport:
    """What was compared, and what differed.

    Attributes
    ----------
    cuts_ns
        Where the recording was cut, local time.
    rows, signals, entries
        How many feature rows, signals, and orders and fills of the strategy the cut recordings gave.
    differences
        The first of each run, earliest first.
    """

    cuts_ns: tuple[int, ...]
    rows: int
    signals: int
    entries: int
    differences: tuple[Difference, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain mappings and numbers."""
        return {**asdict(self), "cuts": len(self.cuts_ns)}


def cut_times(tapes: Sequence[Tape], cuts: int, rng: np.random.Generator) -> tuple[int, ...]:
    """Local times of some messages, drawn by chance, ascending; fewer where there are not so many."""
    times = np.unique(np.concatenate([tape.records.messages["local_ns"] for tape in tapes]))
    times = times[times > 0]
    return tuple(np.sort(rng.choice(times, min(cuts, len(times)), replace=False)).tolist())


def check_lookahead(
    whole: Sequence[Tape],
    config: BacktestConfig,
    *,
    read_until: Callable[[int], Sequence[Tape]],
    cuts_ns: Sequence[int],
    strategy: MakeStrategy | None = None,
    calibrations: Mapping[str, Calibration] | None = None,
) -> LookaheadReport:
    """Compare a recording with itself, cut.

    Parameters
    ----------
    whole
        Tapes of all of it.
    config
        Clocks and all else that a strategy's backtest assumes.
    read_until
        Reads it once more, up to a local time.
    cuts_ns
        Local times at which it is cut; see :func:`cut_times`.
    strategy
        Makes the strategy that is checked, if one is.
    calibrations
        Those that were in force from the start, by instrument id.

    Raises
    ------
    UsageError
        If messages were received before they were sent, and a strategy is to be checked.

    Notes
    -----
    What cannot be seen: knowledge of the future that is attached neither to what is read nor to dates and ids, as "sell
    on the third signal" is. A strategy that keeps something from run to run is found by the run that follows another.

    The rows of both recordings are held at once: 520 bytes each with all features.
    """
    found = [_late_calibration(tape, calibrations or {}) for tape in whole]
    diary = None if strategy is None else kept_diary(whole, config, strategy, catches=False)
    if strategy is not None and diary is not None:
        again = kept_diary(whole, config, strategy)
        found.append(differing_diaries("repeat", diary, again.entries, again.until_ns))
        if found[-1] is None:
            found.append(_compare_disguised(whole, config, strategy, diary))
        else:  # whatever else is done with it differs for the same reason
            strategy = None
    rows = signals = entries = 0
    for cut_ns in cuts_ns:
        by_name = {tape.instrument.id: tape for tape in read_until(cut_ns)}
        cut = [by_name[tape.instrument.id] for tape in whole]
        found += [differing_tapes(before, after, cut_ns) for before, after in zip(whole, cut, strict=True)]
        rows += sum(len(tape.row_message) for tape in cut)
        signals += sum(len(tape.signals) for tape in cut)
        if strategy is not None and diary is not None:
            short = kept_diary(cut, config, strategy, is_whole=False)
            found.append(differing_diaries("cut", diary, short.entries, short.until_ns, cut_ns))
            entries += len(short.entries)
    differences = sorted((one for one in found if one is not None), key=lambda one: one.at_ns)
    return LookaheadReport(
        cuts_ns=tuple(cuts_ns), rows=rows, signals=signals, entries=entries, differences=tuple(differences)
    )


def _compare_disguised(
    whole: Sequence[Tape], config: BacktestConfig, strategy: MakeStrategy, diary: Diary
) -> Difference | None:
    """A strategy on the same market at other dates and with other ids."""
    payments = tuple(one.model_copy(update={"at_ns": one.at_ns + DISGUISE_NS}) for one in config.funding)
    latency = config.latency
    if isinstance(latency.log, LatencyLog):
        latency = latency.model_copy(update={"log": latency.log.later(DISGUISE_NS)})
    later = config.model_copy(update={"funding": payments, "latency": latency})
    hidden = kept_diary([_disguised(tape) for tape in whole], later, strategy)
    moved = [entry._replace(at_ns=entry.at_ns - DISGUISE_NS) for entry in hidden.entries]
    return differing_diaries("disguise", diary, moved, hidden.until_ns - DISGUISE_NS)


def _late_calibration(tape: Tape, calibrations: Mapping[str, Calibration]) -> Difference | None:
    """A calibration that was learned from bars behind the first signal that it judged."""
    calibration = calibrations.get(tape.instrument.id)
    if calibration is None:
        return None
    judged = [
        (signal, message)
        for signal, message in zip(tape.signals, tape.signal_message.tolist(), strict=True)
        if signal.calibration == calibration.digest and signal.event_ns <= calibration.last_ns
    ]
    if not judged:
        return None
    signal, message = judged[0]
    return Difference(
        test="calibration",
        at_ns=int(tape.records.messages["local_ns"][: message + 1].max()),
        what=f"signal of {tape.instrument.id}",
        whole=told(signal),
        other=f"judged by a calibration that was learned until {calibration.last_ns}",
    )


def _disguised(tape: Tape) -> Tape:
    messages = tape.records.messages.copy()
    for name in ("event_ns", "trade_ns", "local_ns"):
        messages[name] += np.where(messages[name] > 0, DISGUISE_NS, 0)
    signals = tuple(
        replace(
            signal,
            signal_id=signal_id(signal.signal_id, "in disguise"),
            event_ns=signal.event_ns + DISGUISE_NS,
            change_ns=signal.change_ns + DISGUISE_NS,
            event_id=signal.event_id + DISGUISE_ID,
        )
        for signal in tape.signals
    )
    return replace(tape, records=Records(messages, tape.records.levels), signals=signals)
