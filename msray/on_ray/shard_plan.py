"""``ShardPlan``: what one shard is to do, as the supervisor tells it."""

from dataclasses import dataclass, field
from pathlib import Path

from msray.backtest import BacktestConfig
from msray.detectors import Calibration
from msray.market import Instrument
from msray.prediction import DetectionConfig, PredictConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardPlan:
    """What one shard is to do.

    Attributes
    ----------
    name
        Of the shard, and of its folder of the raw log.
    instruments
        Its instruments; each is in one shard only.
    detection
        The user's words.
    calibrations
        Made before, of any instruments; one that is not here comes from the ledger, or is made on the way.
    endpoint
        A simulator, ``http://host:port``; None for the venues themselves.
    one_socket, is_fast, usual_interval_s
        See :class:`~msray.feeds.live.WebSocketSource`.
    raw_log
        Folder under which the shard keeps its raw log; None keeps none, and then a crash may lose the signals of its
        last moment.
    retention_hours
        How long segments are kept.
    paper
        What paper trading assumes; None trades nothing.
    predict
        Which models predict.
    models_dir
        Their registry; where it is needed, every node sees it under this path.
    """

    name: str
    instruments: tuple[Instrument, ...]
    detection: DetectionConfig = field(default_factory=DetectionConfig)
    calibrations: tuple[Calibration, ...] = ()
    endpoint: str | None = None
    one_socket: bool = False
    is_fast: bool = False
    usual_interval_s: float = 0.0
    raw_log: Path | None = None
    retention_hours: float = 24.0
    paper: BacktestConfig | None = None
    predict: PredictConfig = field(default_factory=PredictConfig)
    models_dir: Path | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of its instruments."""
        return tuple(instrument.id for instrument in self.instruments)
