"""What a raw log says besides its events comes back as it was, or is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msray.detectors import Calibration
from msray.errors import CorruptLogError
from msray.prediction import (
    CalibrationConfig,
    CalibrationTask,
    DetectionConfig,
    WatchConfig,
    log_metadata,
    read_log_metadata,
)

WORDS = DetectionConfig(
    bar_ms=250,
    false_alarms_per_day=48,
    watches=(WatchConfig(name="x", feature="imbalance_l5", detector="cusum"),),
    calibration=CalibrationConfig(bars=60, delay_bars=7),
)


def calibration(instrument: str = "test:A") -> Calibration:
    values = np.random.default_rng(1).normal(size=(1, 60))
    return CalibrationTask(
        instrument=instrument, detection=WORDS, epoch_id=1, first_bar=0, last_bar=59, values=values
    ).solve()


@pytest.fixture(scope="module")
def metadata() -> dict[str, Any]:
    """As it lies on disk: through JSON."""
    said: dict[str, Any] = json.loads(json.dumps(log_metadata(WORDS, [calibration(), calibration("test:B")])))
    return said


def test_words_and_calibrations_come_back(metadata: dict[str, Any]) -> None:
    found = read_log_metadata(metadata)

    assert found == (WORDS, {"test:A": calibration(), "test:B": calibration("test:B")})


def test_all_digests_are_the_same_after_it(metadata: dict[str, Any]) -> None:
    found = read_log_metadata(metadata)

    assert found is not None
    assert found[0].words_digest() == WORDS.words_digest()
    assert found[0].whole_digest() == WORDS.whole_digest()
    assert found[1]["test:A"].digest == calibration().digest


def test_where_a_calibration_file_lay_is_nobodys_business() -> None:
    words = WORDS.model_copy(update={"calibration": CalibrationConfig(file=Path("/home/somebody/secret.json"))})

    assert "secret" not in json.dumps(log_metadata(words, []))


def test_a_log_that_says_nothing_gives_nothing() -> None:
    assert read_log_metadata({}) is None
    assert read_log_metadata({"exchange_info": {}, "calibrations": []}) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("detection", None),
        ("detection", 5),
        ("detection", {"bar_ms": -1}),
        ("detection", {"later_version": True}),
        ("calibrations", None),
        ("calibrations", 5),
        ("calibrations", "x"),
        ("calibrations", [None]),
        ("calibrations", [{"schema": "msray.calibration/9"}]),
    ],
)
def test_what_cannot_be_read_is_refused(metadata: dict[str, Any], key: str, value: object) -> None:
    with pytest.raises(CorruptLogError, match="configuration in the raw log"):
        read_log_metadata({**metadata, key: value})


def test_a_calibration_that_was_changed_is_refused(metadata: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(metadata))
    changed["calibrations"][0]["watches"]["x"]["threshold"] *= 2

    with pytest.raises(CorruptLogError, match="it was changed"):
        read_log_metadata(changed)
