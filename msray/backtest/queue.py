"""Whether a recording tells as much of its queues as the queue model needs, asked before anything runs."""

from collections.abc import Iterable

import numpy as np

from msray.backtest.config import BacktestConfig
from msray.backtest.tape import Tape
from msray.errors import UsageError
from msray.market import DEPTH, ORDER, Instrument
from msray.venues import tells_orders


def check_queue(config: BacktestConfig, instruments: Iterable[Instrument]) -> None:
    """Refuse an exact queue for venues whose recordings tell sizes of price levels only.

    Raises
    ------
    UsageError
        If the model is ``fifo`` and there is such an instrument.

    Examples
    --------
    >>> from msray.venues import lobster_instrument
    >>> check_queue(BacktestConfig(queue={"model": "fifo"}), [lobster_instrument("GOOG")])
    """
    for instrument in instruments if config.queue.model == "fifo" else ():
        if not tells_orders(instrument.venue):
            raise _lacks_orders(instrument, "recordings of this venue tell sizes of price levels, not order by order")


def check_tapes(config: BacktestConfig, tapes: Iterable[Tape]) -> None:
    """Refuse an exact queue for tapes of which one tells of no order, whatever its venue tells.

    Raises
    ------
    UsageError
        If the model is ``fifo`` and there is such a tape.
    """
    for tape in tapes if config.queue.model == "fifo" else ():
        check_queue(config, [tape.instrument])
        records = tape.records
        if np.any(records.messages["kind"] == DEPTH) and not np.any(records.levels["flags"] & ORDER):
            raise _lacks_orders(
                tape.instrument, "its recording has no order ids (a lake: convert its source into a new one)"
            )


def _lacks_orders(instrument: Instrument, why: str) -> UsageError:
    return UsageError(
        f"queue.model must be risk_averse, power or logarithm for {instrument.id}, got fifo: {why}",
        hint="fifo works with recordings of LOBSTER, which tell order by order",
    )
