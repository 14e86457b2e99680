"""The user's words for a detection: what is watched, in bars of what length, how often a false alarm is bearable."""

import hashlib
import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from msray.errors import UnknownNameError
from msray.features import CATALOGUE, column, has_levels

DAY_MS = 86_400_000
FALSE_ALARMS_PER_DAY = 24.0
MODEL_WORDS = r"^[a-z0-9][a-z0-9_.-]{0,63}(:[1-9][0-9]{0,8}|@[a-z][a-z0-9_-]{0,31})?$"
MIN_ARL0, MAX_ARL0 = 20, 1_000_000_000
"""Range of bars between false alarms of an instrument that can be asked for."""


def _watchable(name: str) -> str:
    """A feature a detector may watch: known, and blind to local time, which a replay elsewhere would not repeat."""
    try:
        feature = CATALOGUE[column(name)]
    except UnknownNameError as error:
        raise PydanticCustomError(
            "unknown_feature", "{message}", {"message": str(error), "hint": error.hint}
        ) from error
    if feature.clock != "exchange":
        raise PydanticCustomError(
            "local_feature", "feature {name} reads local time, so a replay would give other signals", {"name": name}
        )
    if has_levels([column(name)]):
        raise PydanticCustomError(
            "level_feature", "feature {name} is of the levels family, which detection does not compute", {"name": name}
        )
    return name


class _Words(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True, validate_default=True
    )


class WatchConfig(_Words):
    """One series that is watched for a change, and the detector that watches it."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
    """The signal type it raises: lower case letters, digits and underscores."""
    feature: Annotated[str, AfterValidator(_watchable)]
    """A column of a feature row whose clock is ``exchange`` and family not ``levels`` (``msray features``)."""
    at: Literal["close", "mean"] = "mean"
    """A bar's value: the last of its rows, or their mean."""
    transform: Literal["none", "abs", "sqrt"] = "none"
    """Taken of each value first; ``abs`` and ``sqrt`` turn sizes and rates into something closer to normal."""
    detector: Literal["ensemble", "cusum", "page_hinkley", "focus"] = "ensemble"
    """One detector, or the average evidence of all three."""


class CalibrationConfig(_Words):
    """Which bars of an epoch show what is normal, unless a file says so."""

    bars: Annotated[int, Field(ge=60, le=100_000)] = 600
    """Number of bars a calibration is made from."""
    first_bar: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """First of them, counted from the epoch's first bar."""
    delay_bars: Annotated[int, Field(ge=0, le=1_000_000)] = 60
    """Bars between the last of them and the first that the calibration judges: the time to compute it."""
    file: Path | None = None
    """A calibration made before by ``msray calibrate``; then every epoch is calibrated from its first bar."""


_DEFAULT_WATCHES = (
    WatchConfig(name="imbalance", feature="imbalance_l5"),
    WatchConfig(name="volatility", feature="return_1s", transform="abs", at="close"),
    WatchConfig(name="intensity", feature="trade_rate_1s", transform="sqrt", at="close"),
    WatchConfig(name="liquidity_bid", feature="depth_bid_l10", transform="sqrt"),
    WatchConfig(name="liquidity_ask", feature="depth_ask_l10", transform="sqrt"),
)


class PredictConfig(_Words):
    """Which trained models predict live and in replays, and how often."""

    models: Annotated[tuple[Annotated[str, Field(pattern=MODEL_WORDS)], ...], Field(max_length=16)] = ()
    """Of the registry: ``NAME:VERSION``, ``NAME@ALIAS``, or ``NAME`` for ``NAME@production``. What an alias stands for
    is followed while detection runs."""
    interval_seconds: Annotated[float, Field(ge=0.001, le=3600)] = 1.0
    """Exchange time between two predictions of an instrument."""
    signal_horizon: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Rows ahead of the predictions that become signals where the model is sure; a model's shortest if left out."""
    signal_cooldown_seconds: Annotated[float, Field(ge=0, le=86_400)] = 60.0
    """Exchange time between two signals of a model on one instrument."""
    scored_predictions: Annotated[int, Field(ge=10, le=100_000)] = 1000
    """Latest predictions of a model, an instrument and a horizon that its live scores rest on."""
    most_waiting_rows: Annotated[int, Field(ge=100, le=1_000_000)] = 10_000
    """Rows of an instrument that may wait for a model: where more do, those that come from then on are dropped until it
    has gone through them, and it begins anew."""

    @model_validator(mode="after")
    def _one_version_each(self) -> "PredictConfig":
        names = [re.split("[:@]", words)[0] for words in self.models]
        for name in names:
            if names.count(name) > 1:
                raise PydanticCustomError(
                    "same_model",
                    "models must name one version of each, got {name} twice",
                    {"name": name, "key": "models"},
                )
        return self


class DetectionConfig(_Words):
    """What is looked for in each instrument.

    Attributes
    ----------
    arl0_bars
        Expected bars between false alarms of an instrument.
    arl0_per_watch
        The same for each of its watches, which share its false alarms evenly.

    Examples
    --------
    >>> words = DetectionConfig()
    >>> words.arl0_bars, words.arl0_per_watch
    (3600.0, 18000.0)
    >>> DetectionConfig(arl0=5000).false_alarms_per_day is None
    True
    """

    bar_ms: Annotated[int, Field(ge=10, le=3_600_000)] = 1000
    """Length of a bar of exchange time, in milliseconds."""
    false_alarms_per_day: Annotated[float, Field(gt=0)] | None = FALSE_ALARMS_PER_DAY
    """False alarms a day that are bearable, for each instrument."""
    arl0: Annotated[float, Field(ge=MIN_ARL0, le=MAX_ARL0)] | None = None
    """Instead of ``false_alarms_per_day``: bars between two false alarms, for each instrument."""
    watches: Annotated[tuple[WatchConfig, ...], Field(max_length=64)] = _DEFAULT_WATCHES
    """What is watched; each has a name of its own."""
    calibration: CalibrationConfig = CalibrationConfig()
    """Where the thresholds come from."""

    @model_validator(mode="before")
    @classmethod
    def _one_rate(cls, data: Any) -> Any:
        """Saying ``arl0`` alone replaces the default rate."""
        if isinstance(data, dict) and data.get("arl0") is not None and "false_alarms_per_day" not in data:
            return {**data, "false_alarms_per_day": None}
        return data

    @model_validator(mode="after")
    def _check(self) -> "DetectionConfig":
        if (self.arl0 is None) == (self.false_alarms_per_day is None):
            raise PydanticCustomError(
                "one_rate", "must have exactly one of false_alarms_per_day and arl0", {"key": "arl0"}
            )
        if not MIN_ARL0 <= self.arl0_bars <= MAX_ARL0:
            most, least = DAY_MS / self.bar_ms / MIN_ARL0, DAY_MS / self.bar_ms / MAX_ARL0
            raise PydanticCustomError(
                "rate_out_of_range",
                "false_alarms_per_day must be {least} to {most} with bars of {bar_ms} ms, got {value}",
                {
                    "least": f"{least:g}",
                    "most": f"{most:g}",
                    "bar_ms": self.bar_ms,
                    "value": self.false_alarms_per_day,
                    "key": "false_alarms_per_day",
                },
            )
        if not self.watches:
            raise PydanticCustomError("no_watches", "watches must have 1 to 64 entries, got none", {"key": "watches"})
        names = [watch.name for watch in self.watches]
        for name in names:
            if names.count(name) > 1:
                raise PydanticCustomError(
                    "same_name", "watches must have different names, got {name} twice", {"name": name, "key": "watches"}
                )
        return self

    @property
    def arl0_bars(self) -> float:
        """Expected bars between false alarms of an instrument."""
        if self.arl0 is not None:
            return self.arl0
        return DAY_MS / self.bar_ms / (self.false_alarms_per_day or FALSE_ALARMS_PER_DAY)

    @property
    def arl0_per_watch(self) -> float:
        """Expected bars between false alarms of one watch."""
        return self.arl0_bars * len(self.watches)

    def unwatched(self) -> "DetectionConfig":
        """The same bars, and nothing that is watched."""
        return self.model_copy(update={"watches": ()})

    def words_digest(self) -> str:
        """Digest (sha256, 64 hexadecimal digits) of what is looked for; a part of every signal's id.

        Where thresholds come from is left out: a calibration has a digest of its own. A default left out and a default
        written out are the same words; so are 24 and 24.0.
        """
        return self._digest({"calibration"})

    def whole_digest(self) -> str:
        """Digest of everything said here but the calibration file's place: whether a saved state can be taken up."""
        return self._digest({"calibration": {"file"}})

    def _digest(self, without: Any) -> str:
        words = self.model_dump(mode="json", exclude=without)
        return hashlib.sha256(json.dumps(words, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
