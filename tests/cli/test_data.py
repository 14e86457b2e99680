"""``msray data``."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Msray
from tests.feeds.test_lobster import put, texts
from tests.feeds.test_recording import depth, snapshot, write
from tests.venues.made_lobster import made_day

WORDS = "detection:\n  calibration:\n    bars: 100000\n"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two LOBSTER days and a recording."""
    put(tmp_path / "source", texts(*made_day(1, 300, 3)) | texts(*made_day(2, 300, 3), day="2012-06-22"))
    write(tmp_path / "source" / "a", [snapshot(), *(depth("AAA", i) for i in range(5, 9))])
    return tmp_path / "source"


def test_convert_ls_and_verify_say_the_same_in_tables_and_json(msray: Msray, source: Path) -> None:
    said = msray("data", "convert", source, "--lake", "lake")
    assert said.code == 0
    rows = [line.split("\t") for line in said.out.splitlines()]
    assert rows[0] == ["instrument", "day", "state", "messages", "trades", "levels", "gaps", "bytes"]
    assert [row[:3] for row in rows[1:]] == [
        ["binance_usdm:AAA", "2023-11-14", "written"],
        ["lobster:GOOG", "2012-06-21", "written"],
        ["lobster:GOOG", "2012-06-22", "written"],
    ]

    again = msray("data", "convert", source, "--lake", "lake", "--json").document
    assert (again["schema"], again["ok"]) == ("msray.data.convert/1", True)
    assert [day["state"] for day in again["data"]["days"]] == ["unchanged"] * 3
    assert [str(day["bytes"]) for day in again["data"]["days"]] == [row[7] for row in rows[1:]]
    assert (again["data"]["refused"], again["data"]["problems"]) == (0, [])

    listed = msray("data", "ls", "lake").out.splitlines()
    days = msray("data", "ls", "lake", "--json").document["data"]["days"]
    assert [[str(day[name]) for name in listed[0].split("\t")] for day in days] == [
        one.split("\t") for one in listed[1:]
    ]
    assert days[1]["from"].startswith("2012-06-21T13:30:00")
    assert days[2]["gaps"] == 1, "the night"
    assert days[0]["sources"] == ["a"]

    verified = msray("data", "verify", "lake")
    assert (verified.code, verified.out.split(" (")[0]) == (0, "lake: good")
    document = msray("data", "verify", "lake", "--json").document
    assert document["data"]["messages"] == sum(day["messages"] for day in days)
    assert document["data"]["damage"] == []


def test_a_lake_replays_from_the_command_line(msray: Msray, source: Path) -> None:
    Path("msray.yaml").write_text(WORDS)
    msray("data", "convert", source, "--lake", "lake")

    found = [msray("replay", path, "--json").document["data"] for path in (source, "lake")]

    left, right = ({one["instrument"]: one for one in data["instruments"]} for data in found)
    assert left.keys() == right.keys()
    for name, one in left.items():
        for key in ("messages", "level_changes", "trades", "gaps", "state", "final_update_id", "signals", "quality"):
            assert right[name][key] == one[key], key


def test_damage_is_exit_code_3_with_file_and_reason(msray: Msray, source: Path) -> None:
    msray("data", "convert", source, "--lake", "lake")
    path = next(Path("lake").rglob("day=2012-06-21/*.parquet"))
    path.write_bytes(path.read_bytes()[:-100])

    said = msray("data", "verify", "lake")
    assert said.code == 3
    assert said.err.splitlines()[-1].startswith(f"msray: {path}: cannot be read")
    document = msray("data", "verify", "lake", "--json").document
    assert (document["ok"], document["error"]["code"]) == (False, "corrupt_log")
    assert [one["file"] for one in document["data"]["damage"]] == [str(path)]

    listed = msray("data", "ls", "lake")
    assert (listed.code, listed.err.startswith(f"msray: {path}: cannot be read")) == (3, True)


def test_other_files_are_refused_unless_they_are_to_replace(msray: Msray, source: Path) -> None:
    msray("data", "convert", source, "--lake", "lake")
    write(source / "b", [depth("AAA", i) for i in range(9, 12)], 1_700_000_001_000_000_000)

    said = msray("data", "convert", source, "--lake", "lake")
    assert said.code == 2
    assert "was made of other files" in said.err
    assert "--replace" in said.err

    days = msray("data", "convert", source, "--lake", "lake", "--replace", "--json").document["data"]["days"]
    assert [day["state"] for day in days] == ["replaced", "unchanged", "unchanged"]
    assert days[0]["messages"] == 9


def test_problems_of_the_source_are_told(msray: Msray, source: Path) -> None:
    name = next(source.glob("*06-21*message*"))
    name.write_bytes(name.read_bytes().replace(b"\n", b"\nnonsense\n", 1))

    said = msray("data", "convert", source, "--lake", "lake")

    assert said.code == 0
    assert f"{name}, line 2: message must be" in said.err
    problems = json.loads(msray("data", "convert", source, "--lake", "other", "--json").out)["data"]["problems"]
    assert problems[0].startswith(f"{name}, line 2")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("convert", "nowhere", "--lake", "lake"), "no such file or folder: nowhere"),
        (("ls", "nowhere"), "no such lake: nowhere"),
        (("verify", "."), "no parts of a lake in ."),
    ],
)
def test_wrong_words_are_exit_code_2(msray: Msray, words: tuple[str, ...], says: str) -> None:
    said = msray("data", *words)

    assert said.code == 2
    assert said.err.startswith(f"msray: {says}")
