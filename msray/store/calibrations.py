"""Calibrations on disk: one JSON document of all instruments, written whole or not at all."""

import json
from collections.abc import Iterable
from pathlib import Path

from msray.detectors import Calibration
from msray.errors import ConfigError, UsageError
from msray.store.durable import write_over

SCHEMA = "msray.calibrations/1"


def save_calibrations(path: Path, calibrations: Iterable[Calibration]) -> None:
    """Write calibrations, one an instrument, in the order of their ids.

    Raises
    ------
    UsageError
        If the file cannot be written.
    """
    text = calibrations_text(calibrations)
    if path.is_dir():
        raise UsageError(f"cannot write {path}: it is a folder")
    try:
        write_over(path, text.encode())
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}") from error


def calibrations_text(calibrations: Iterable[Calibration]) -> str:
    """What is in a file of calibrations."""
    documents = [json.loads(one.to_json()) for one in sorted(calibrations, key=lambda one: one.instrument)]
    return json.dumps({"schema": SCHEMA, "calibrations": documents}, indent=1, sort_keys=True) + "\n"


def load_calibrations(path: Path) -> dict[str, Calibration]:
    """Calibrations by instrument id.

    Raises
    ------
    ConfigError
        If the file is missing, damaged, of another version, or names an instrument twice.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}", hint="make it with msray calibrate") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no JSON: {error}") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise ConfigError(f"{path} must be a document of schema {SCHEMA}")
    documents = document.get("calibrations")
    if not isinstance(documents, list):
        raise ConfigError(f"{path}: calibrations must be a list, got {type(documents).__name__}")
    found: dict[str, Calibration] = {}
    for one in documents:
        try:
            calibration = Calibration.from_json(json.dumps(one))
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}", hint=error.hint) from error
        if calibration.instrument in found:
            raise ConfigError(f"{path} names {calibration.instrument} twice")
        found[calibration.instrument] = calibration
    return found
