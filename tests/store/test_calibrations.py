"""A calibration file: what was saved is what is loaded, and anything else is refused by name."""

import errno
import functools
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from msray.detectors import Calibration
from msray.errors import ConfigError, UsageError
from msray.prediction import CalibrationTask, DetectionConfig, WatchConfig
from msray.store.calibrations import SCHEMA, load_calibrations, save_calibrations
from tests.disks import refusing

WORDS = DetectionConfig(arl0=20, watches=(WatchConfig(name="x", feature="imbalance_l5", detector="cusum"),))


@functools.cache
def calibration(instrument: str) -> Calibration:
    values = np.random.default_rng(2).normal(size=(1, 60))
    return CalibrationTask(
        instrument=instrument, detection=WORDS, epoch_id=1, first_bar=0, last_bar=59, values=values
    ).solve()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calibration.json"


def documents(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text())["calibrations"]
    return found


def write(path: Path, **changes: object) -> None:
    path.write_text(
        json.dumps({"schema": SCHEMA, "calibrations": [json.loads(calibration("test:A").to_json())]} | changes)
    )


def test_what_was_saved_comes_back_with_its_digest(path: Path) -> None:
    save_calibrations(path, [calibration("test:B"), calibration("test:A")])

    found = load_calibrations(path)

    assert found == {"test:A": calibration("test:A"), "test:B": calibration("test:B")}
    assert found["test:A"].digest == calibration("test:A").digest


def test_the_file_does_not_depend_on_the_order_and_is_for_people_too(path: Path) -> None:
    save_calibrations(path, iter([calibration("test:B"), calibration("test:A")]))
    one = path.read_bytes()
    save_calibrations(path, [calibration("test:A"), calibration("test:B")])

    assert path.read_bytes() == one
    assert [document["instrument"] for document in documents(path)] == ["test:A", "test:B"]
    assert one.endswith(b"\n")
    assert b"\n" in one.strip()


def test_none_is_a_file_too(path: Path) -> None:
    save_calibrations(path, [])

    assert load_calibrations(path) == {}


def test_nothing_is_left_beside_it_and_permissions_are_the_usual(path: Path) -> None:
    save_calibrations(path, [calibration("test:A")])

    assert [one.name for one in path.parent.iterdir()] == ["calibration.json"]
    umask = os.umask(0)
    os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_a_failure_leaves_the_older_file_and_nothing_else(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_calibrations(path, [calibration("test:A")])
    before = path.read_bytes()

    monkeypatch.setattr(os, "fsync", refusing(errno.ENOSPC))
    with pytest.raises(UsageError, match=r"cannot write .*calibration\.json: No space left"):
        save_calibrations(path, [calibration("test:B")])

    assert path.read_bytes() == before
    assert [one.name for one in path.parent.iterdir()] == ["calibration.json"]


def test_a_place_that_is_none_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")

    for path in (tmp_path, Path(), tmp_path / "missing" / "c.json", file / "c.json"):
        with pytest.raises(UsageError, match=f"cannot write {path}"):
            save_calibrations(path, [calibration("test:A")])


@pytest.mark.parametrize(
    "text",
    ["", "{", "[" * 100_000, "5", "null", "[]", "{}", '{"schema": "msray.calibrations/2", "calibrations": []}'],
    ids=lambda text: text[:40] or "empty",
)
def test_what_is_no_calibration_file_is_refused(path: Path, text: str) -> None:
    path.write_text(text)

    with pytest.raises(ConfigError, match=r"calibration\.json"):
        load_calibrations(path)


def test_bytes_that_are_no_text_are_refused(path: Path) -> None:
    path.write_bytes(b'\xff\xfe{"schema"')

    with pytest.raises(ConfigError, match="is no JSON"):
        load_calibrations(path)


@pytest.mark.parametrize("value", [None, 5, "text", {"test:A": {}}, True])
def test_calibrations_must_be_a_list(path: Path, value: object) -> None:
    write(path, calibrations=value)

    with pytest.raises(ConfigError, match="calibrations must be a list"):
        load_calibrations(path)


@pytest.mark.parametrize("value", [None, 5, [], {}, {"schema": "msray.calibration/1"}])
def test_each_must_be_a_calibration(path: Path, value: object) -> None:
    write(path, calibrations=[value])

    with pytest.raises(ConfigError, match=r"calibration\.json: calibration"):
        load_calibrations(path)


def test_a_number_that_somebody_changed_is_noticed(path: Path) -> None:
    changed = json.loads(calibration("test:A").to_json())
    changed["watches"]["x"]["threshold"] += 1
    write(path, calibrations=[changed])

    with pytest.raises(ConfigError, match="it was changed"):
        load_calibrations(path)


def test_an_instrument_that_is_there_twice_is_refused(path: Path) -> None:
    write(path, calibrations=[json.loads(calibration("test:A").to_json())] * 2)

    with pytest.raises(ConfigError, match="names test:A twice"):
        load_calibrations(path)


def test_a_missing_file_says_how_to_make_one(path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file") as caught:
        load_calibrations(path)

    assert caught.value.hint == "make it with msray calibrate"
