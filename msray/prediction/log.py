"""What reaches a pipeline from outside, in its order. Stored, these are the raw log; read back, a replay.

Everything a :class:`~msray.prediction.pipeline.Pipeline` depends on is one of these, so applying a stored log gives the
books, gaps and signals of the runs that wrote it.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError

from msray.detectors import Calibration
from msray.errors import CorruptLogError, MsrayError
from msray.market import Records
from msray.prediction.config import DetectionConfig, PredictConfig
from msray.venues import Frames


@dataclass(frozen=True, slots=True)
class Arrived:
    """Bytes from a venue: messages of a connection, or the answer to a snapshot request.

    Attributes
    ----------
    venue
        ``binance_spot``, ``binance_usdm``, ``binance_coinm``.
    frames
        The bytes, with the local time of each.
    """

    venue: str
    frames: Frames


@dataclass(frozen=True, slots=True)
class Replayed:
    """Records of one instrument from a file that holds records: there are no bytes of a venue to decode.

    Attributes
    ----------
    instrument
        ``venue:SYMBOL``.
    records
        As they were received; see :meth:`msray.book.BookSync.feed`.
    """

    instrument: str
    records: Records


@dataclass(frozen=True, slots=True)
class Requested:
    """A snapshot has been asked for.

    Attributes
    ----------
    instrument
        ``venue:SYMBOL``.
    local_ns
        When, nanoseconds UTC.
    """

    instrument: str
    local_ns: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """A connection ended; what its instruments did since is unknown.

    Attributes
    ----------
    instruments
        Ids of those it carried.
    local_ns
        When, nanoseconds UTC.
    """

    instruments: tuple[str, ...]
    local_ns: int


@dataclass(frozen=True, slots=True)
class Began(Disconnected):
    """A run began, in a log that may hold several: nothing is known any more but what the run says that it knew.

    Attributes
    ----------
    metadata
        See :func:`log_metadata`. Where it says nothing, the words and the calibrations in force stay.
    """

    metadata: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ModelName:
    """Which model: a version cannot become another one unseen.

    Attributes
    ----------
    name, version
        In its registry.
    digest
        Of its record.
    """

    name: str
    version: int
    digest: str

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


@dataclass(frozen=True, slots=True)
class ModelChanged:
    """A model predicts from here on, in the place of another version of it if there was one.

    Attributes
    ----------
    model
        Which.
    local_ns
        When, nanoseconds UTC.
    """

    model: ModelName
    local_ns: int


@dataclass(frozen=True, slots=True)
class Dropping:
    """From here on a model is not shown the rows of an instrument, as it has fallen behind; or is shown them again.

    Attributes
    ----------
    instrument
        ``venue:SYMBOL``.
    model
        Its name, whatever version.
    is_on
        Whether rows are dropped from here on.
    local_ns
        When, nanoseconds UTC.
    """

    instrument: str
    model: str
    is_on: bool
    local_ns: int


LogEvent = Arrived | Replayed | Requested | Disconnected | ModelChanged | Dropping


def log_metadata(
    detection: DetectionConfig,
    calibrations: Iterable[Calibration],
    predict: PredictConfig | None = None,
    models: Iterable[ModelName] = (),
    dropping: Iterable[tuple[str, str]] = (),
) -> dict[str, Any]:
    """What a raw log has to say besides its events.

    The user's words, the calibrations in force at its start, the models that predict from its start, and the
    instruments and models whose rows are dropped from its start.
    """
    said: dict[str, Any] = {
        "detection": detection.model_dump(mode="json", exclude={"calibration": {"file"}}),
        "calibrations": [json.loads(one.to_json()) for one in calibrations],
    }
    if predict is not None and predict.models:
        said |= {"predict": predict.model_dump(mode="json"), "models": [asdict(one) for one in models]}
        said["dropping"] = sorted(dropping)
    return said


def read_log_models(metadata: Mapping[str, Any]) -> tuple[PredictConfig, tuple[ModelName, ...]] | None:
    """The words and models of :func:`log_metadata`; None where nothing was to be predicted.

    Raises
    ------
    CorruptLogError
        If they are there and cannot be read.
    """
    if "predict" not in metadata:
        return None
    try:
        models = tuple(ModelName(one["name"], one["version"], one["digest"]) for one in metadata.get("models", []))
        return PredictConfig.model_validate(metadata["predict"]), models
    except (ValidationError, KeyError, TypeError) as error:
        raise CorruptLogError(f"the models in the raw log cannot be read: {error}") from error


def read_log_dropping(metadata: Mapping[str, Any], local_ns: int) -> list[Dropping]:
    """What of :func:`log_metadata` rows are dropped for, as events of this time.

    Raises
    ------
    CorruptLogError
        If it is there and cannot be read.
    """
    try:
        pairs = [(str(instrument), str(model)) for instrument, model in metadata.get("dropping", [])]
    except (ValueError, TypeError) as error:
        raise CorruptLogError(f"what the raw log says of dropped rows cannot be read: {error}") from error
    return [Dropping(instrument, model, True, local_ns) for instrument, model in pairs]


def read_log_metadata(metadata: Mapping[str, Any]) -> tuple[DetectionConfig, dict[str, Calibration]] | None:
    """The words and calibrations of :func:`log_metadata`; None where a log has none.

    Raises
    ------
    CorruptLogError
        If they are there and cannot be read.
    """
    if "detection" not in metadata:
        return None
    try:
        detection = DetectionConfig.model_validate(metadata["detection"])
        calibrations = [Calibration.from_json(json.dumps(one)) for one in metadata.get("calibrations", [])]
    except (ValidationError, MsrayError, TypeError) as error:
        raise CorruptLogError(f"the configuration in the raw log cannot be read: {error}") from error
    return detection, {one.instrument: one for one in calibrations}
