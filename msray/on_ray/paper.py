"""Paper trading beside the detection of a shard: what goes wrong in it ends it, and nothing else."""

import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace

from msray.backtest import BacktestConfig, MakeStrategy, PaperStatus, PaperTrader
from msray.market import Instrument
from msray.prediction import LogSink, RowSink

_log = logging.getLogger(__name__)


class Paper:
    """A :class:`~msray.backtest.PaperTrader` that never raises.

    An error, of the strategy say, ends it: it is logged with its traceback, and :meth:`status` tells of it from then
    on, beside how the account stood when it was last looked at. What was held stays unsold.

    Parameters
    ----------
    instruments, config
        As a paper trader has them.
    strategy
        Makes the strategy whose orders are simulated.
    """

    def __init__(self, instruments: Sequence[Instrument], config: BacktestConfig, strategy: MakeStrategy) -> None:
        self._trader: PaperTrader | None = None
        self._status = PaperStatus.at_start(config)
        try:
            self._trader = PaperTrader(instruments, config, strategy(config))
        except Exception as error:  # a strategy is the user's, and may raise anything
            self._end(error)

    def sink(self, instrument_id: str) -> RowSink:
        """Takes an instrument's rows."""
        return lambda rows: self._do(lambda trader: trader.sink(instrument_id)(rows))

    def log(self, instrument_id: str) -> LogSink:
        """Takes an instrument's log."""
        return lambda *folded: self._do(lambda trader: trader.log(instrument_id)(*folded))

    def turn(self) -> None:
        """Trade up to where the market is known."""
        self._do(PaperTrader.turn)

    def finish(self) -> None:
        """Trade to the end of all that has come in."""
        self._do(PaperTrader.finish)

    def status(self) -> PaperStatus:
        """How it stands, or stood when it ended."""
        self._do(self._look)
        return self._status

    def _look(self, trader: PaperTrader) -> None:
        self._status = trader.status()

    def _do(self, work: Callable[[PaperTrader], object]) -> None:
        if self._trader is None:
            return
        try:
            work(self._trader)
        except Exception as error:  # as above
            self._end(error)

    def _end(self, error: Exception) -> None:
        _log.error("paper trading has ended", exc_info=error)
        place = traceback.extract_tb(error.__traceback__)[-1]
        self._trader = None
        text = f"{type(error).__name__}: {error} ({place.name}, line {place.lineno})"
        self._status = replace(self._status, failed=text)
