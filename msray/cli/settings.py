"""Everything a configuration file may say, with units, bounds and defaults. ``settings_file.py`` reads it."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_core import PydanticCustomError

from msray.backtest import BacktestConfig
from msray.errors import UsageError
from msray.market import check_id
from msray.prediction import DetectionConfig, PredictConfig
from msray.training.config import TrainConfig
from msray.tuning import Assumed, TuneConfig, checked_space
from msray.tuning.models import ModelTuneConfig

HIDDEN = "**********"
"""What is shown for a secret."""
LEAST_KEY = 16
"""Characters of an API key in profile production."""
_LEDGERS = ("sqlite", "postgresql", "postgresql+psycopg")
_ENDPOINTS = ("ws", "wss", "http", "https")


def _instrument(instrument_id: str) -> str:
    try:
        return check_id(instrument_id)
    except UsageError as error:
        raise PydanticCustomError("instrument", "{message}", {"message": str(error), "hint": error.hint}) from error


def _all_different(instruments: tuple[str, ...]) -> tuple[str, ...]:
    for name in instruments:
        if instruments.count(name) > 1:
            raise PydanticCustomError("twice", "must name each instrument once, got {name} twice", {"name": name})
    return instruments


def _endpoint(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in _ENDPOINTS or not parts.hostname:
        raise PydanticCustomError(
            "endpoint", "must be a URL that begins with ws, wss, http or https, got {url}", {"url": url}
        )
    return url


def _ledger(url: SecretStr) -> SecretStr:
    if urlsplit(url.get_secret_value()).scheme not in _LEDGERS:
        raise PydanticCustomError("ledger_url", "must begin with sqlite:/// or postgresql+psycopg://")
    return url


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


class RawLogSettings(_Section):
    """The raw log: what came off the wire, written before the book sees it, so that a live run can be replayed."""

    enabled: bool = True
    """Whether it is written."""
    folder: Path | None = None
    """Where; ``raw_log`` in the state folder if left out. ``MSRAY_RAW_LOG`` says the same."""
    retention_hours: Annotated[float, Field(gt=0, le=8760)] = 24.0
    """Hours after which a segment is deleted."""


class ApiSettings(_Section):
    """The HTTP API."""

    host: Annotated[str, Field(min_length=1, max_length=253)] = "127.0.0.1"
    """Address to listen on."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """Port to listen on."""
    key: Annotated[SecretStr, Field(min_length=1, max_length=256)] | None = None
    """One key that may do everything, of at least 16 characters in profile production. Say it in ``MSRAY_API_KEY``
    rather than in a file."""
    keys_file: Path | None = None
    """File of hashed keys with their scopes (``read``, ``ingest``, ``admin``)."""
    cors_origins: Annotated[tuple[str, ...], Field(max_length=64)] = ()
    """Web origins whose pages may call the API: ``https://desk.example``."""


class LiveSettings(_Section):
    """Live detection on the cluster."""

    symbols_per_shard: Annotated[int, Field(ge=1, le=32)] = 8
    """Instruments in one shard, that is in one process."""


class Settings(_Section):
    """A configuration file: everything may be left out.

    Attributes
    ----------
    raw_log_folder, ledger
        Where they are, after defaults. ``ledger`` is a secret: it may hold a password.
    shows_docs
        Whether the API shows its pages of documentation; not in production.
    """

    profile: Literal["development", "production"] = "development"
    """``production`` refuses what is only convenient: an open address without keys, any web origin, ``/docs``."""
    instruments: Annotated[
        tuple[Annotated[str, AfterValidator(_instrument)], ...], Field(max_length=4096), AfterValidator(_all_different)
    ] = ()
    """What is watched, as ``venue:SYMBOL``: ``binance_usdm:BTCUSDT``."""
    endpoint: Annotated[str, AfterValidator(_endpoint)] | None = None
    """Where the venue is, if not where it always is: a simulator, a test network."""
    detection: DetectionConfig = DetectionConfig()
    """What is looked for."""
    predict: PredictConfig = PredictConfig()
    """Which trained models predict, and how often."""
    raw_log: RawLogSettings = RawLogSettings()
    """The raw log."""
    state_dir: Path = Path("state")
    """Folder of all that must outlive a run; relative to this file."""
    ledger_url: Annotated[SecretStr, AfterValidator(_ledger)] | None = None
    """Database of signals; an SQLite file in the state folder if left out. ``MSRAY_LEDGER_URL`` says the same. Unlike a
    path of this file, a relative one inside a URL starts at the working directory."""
    api: ApiSettings = ApiSettings()
    """The HTTP API."""
    live: LiveSettings = LiveSettings()
    """Live detection."""
    backtest: BacktestConfig = BacktestConfig()
    """What backtests assume."""
    tune: TuneConfig = TuneConfig()
    """How `msray tune` searches for better parameters of backtest and detection."""
    train: TrainConfig = TrainConfig()
    """What `msray train` learns, from what, and by which models."""
    tune_model: ModelTuneConfig = ModelTuneConfig()
    """How `msray tune --target model` searches for parameters with which a model learns better."""
    runs_dir: Path = Path("runs")
    """Folder of what backtests and trainings write; relative to this file."""
    models_dir: Path = Path("models")
    """Folder of trained models, the registry; relative to this file."""

    @model_validator(mode="after")
    def _production(self) -> "Settings":
        if self.profile == "production":
            if not _is_loopback(self.api.host) and self.api.keys_file is None and self.api.key is None:
                raise PydanticCustomError(
                    "open_address",
                    "api.host must be a loopback address in profile production, or api.keys_file be set; got {host}",
                    {"host": self.api.host, "key": "api.host"},
                )
            if self.api.key is not None and len(self.api.key.get_secret_value()) < LEAST_KEY:
                raise PydanticCustomError(
                    "short_key",
                    "api.key must have at least {least} characters in profile production",
                    {"least": LEAST_KEY, "key": "api.key"},
                )
            if "*" in self.api.cors_origins:
                raise PydanticCustomError(
                    "any_origin",
                    "api.cors_origins must name its origins in profile production, got *",
                    {"key": "api.cors_origins"},
                )
        return self

    @model_validator(mode="after")
    def _searchable(self) -> "Settings":
        try:
            checked_space(self.tune.space, Assumed(backtest=self.backtest, detection=self.detection))
        except UsageError as error:
            at = ("tune", "space", *(name for name in self.tune.space if name in str(error)))
            what = {"message": str(error), "hint": error.hint, "at": at}
            raise PydanticCustomError("space", "tune.space: {message}", what) from error
        return self

    @property
    def raw_log_folder(self) -> Path:
        """Folder of the raw log."""
        return self.raw_log.folder or self.state_dir / "raw_log"

    @property
    def ledger(self) -> SecretStr:
        """URL of the ledger."""
        return self.ledger_url or SecretStr(f"sqlite:///{(self.state_dir / 'ledger.db').resolve()}")

    @property
    def shows_docs(self) -> bool:
        """Whether the API shows its documentation."""
        return self.profile == "development"


def without_password(url: str) -> str:
    """A database URL with its password hidden, wherever in it that stands.

    Examples
    --------
    >>> without_password("postgresql+psycopg://msray:s3cret@db:5432/msray")
    'postgresql+psycopg://msray:**********@db:5432/msray'
    """
    url = re.sub(r"(://[^:/@]*):.*@", rf"\1:{HIDDEN}@", url)
    return re.sub(r"([?&][^=&]*pass[^=&]*=)[^&]*", rf"\1{HIDDEN}", url, flags=re.IGNORECASE)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
