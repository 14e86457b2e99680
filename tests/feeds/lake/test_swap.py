"""A day takes the place of another, or the other stays: whatever comes between, none is lost and none stays hidden."""

import errno
import fcntl
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from msray.errors import UnavailableError
from msray.feeds.lake.check import check_lake
from msray.feeds.lake.part import Source, find_parts, read_part
from msray.feeds.lake.swap import mend, publish
from msray.feeds.replay import open_replay
from tests.disks import refusing
from tests.end_to_end.running import environment
from tests.feeds.lakes import contents, market, plain, write_lake

OTHERS = (Source("c.gz", 7, "2" * 64),)
KILLED = """
import os, pathlib, sys
from tests.feeds.lakes import market, write_lake
from tests.feeds.lake.test_swap import OTHERS
rename = pathlib.Path.rename
def killed(self, target):
    if self.name.endswith(sys.argv[2]):
        os._exit(9)
    return rename(self, target)
pathlib.Path.rename = killed
write_lake(pathlib.Path(sys.argv[1]), market(days=1, first_id=500), sources=OTHERS, replace=True)
"""


def market_in(lake: Path) -> list:
    return plain([some for part in find_parts([lake]) for some in read_part(part.path)])


def days_in(lake: Path) -> list[str]:
    return sorted(path.name for path in lake.glob("venue=*/symbol=*/*"))


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The new day is whole, the old one has stepped aside, and the process that did so was killed."""
    lake = tmp_path_factory.mktemp("killed")
    write_lake(lake, market(days=2))
    command = [sys.executable, "-c", KILLED, str(lake), ".partial"]
    assert subprocess.run(command, env=environment(), check=False).returncode == 9
    assert [name for name in days_in(lake) if not name.startswith(".")] == ["day=2024-06-27"]
    return lake


@pytest.fixture
def lake(killed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(killed, tmp_path / "lake"))


LOOKS = {
    "verify": lambda lake: check_lake([lake]),
    "verify the day": lambda lake: check_lake([lake / "venue=binance_spot" / "symbol=BTCUSDT" / "day=2024-06-26"]),
    "ls": lambda lake: find_parts([lake]),
    "replay": lambda lake: open_replay([lake]),
    "convert another": lambda lake: write_lake(lake, market(days=2)[-30:], sources=OTHERS, replace=True),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_kill_between_the_two_steps_is_made_good_by_the_next_look(lake: Path, look: str) -> None:
    LOOKS[look](lake)

    assert days_in(lake) == ["day=2024-06-26", "day=2024-06-27"]
    assert market_in(lake)[: len(plain(market(days=1)))] == plain(market(days=1, first_id=500))


def test_the_same_conversion_again_finds_its_day_written(lake: Path) -> None:
    (day,) = write_lake(lake, market(days=1, first_id=500), sources=OTHERS, replace=True)

    assert day.state == "unchanged"
    assert days_in(lake) == ["day=2024-06-26", "day=2024-06-27"]


def test_where_the_new_day_is_gone_the_old_one_goes_back(lake: Path) -> None:
    (partial,) = lake.rglob("*.partial")
    partial.rename(lake / "gone")

    mend(lake)

    assert days_in(lake) == ["day=2024-06-26", "day=2024-06-27"]
    assert market_in(lake) == plain(market(days=2))


def test_a_kill_before_the_old_day_was_removed_leaves_the_new_one(lake: Path) -> None:
    (partial,) = lake.rglob("*.partial")
    partial.rename(partial.with_name("day=2024-06-26"))

    mend(lake)

    assert days_in(lake) == ["day=2024-06-26", "day=2024-06-27"]
    assert market_in(lake)[0] == plain(market(days=1, first_id=500))[0]


def test_what_is_still_being_written_is_left_alone(tmp_path: Path) -> None:
    write_lake(tmp_path, market(days=1))
    begun = tmp_path / "venue=binance_spot" / "symbol=BTCUSDT" / ".day=2024-06-27.1-00.partial"
    begun.mkdir()
    before = contents(tmp_path)

    mend(tmp_path)

    assert contents(tmp_path) == before
    assert begun.is_dir()


def test_who_was_not_dead_but_at_it_finishes_before_anybody_else_looks(
    lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (partial,) = lake.rglob("*.partial")

    def finishes_meanwhile(_: int, how: int) -> None:
        assert how == fcntl.LOCK_EX
        partial.rename(partial.with_name("day=2024-06-26"))
        shutil.rmtree(partial.with_suffix(".old"))

    monkeypatch.setattr(fcntl, "flock", finishes_meanwhile)
    mend(lake)

    assert days_in(lake) == ["day=2024-06-26", "day=2024-06-27"]


def test_a_lake_that_may_not_be_written_is_said_to_lack_a_day(lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "rename", refusing(errno.EROFS))

    with pytest.raises(UnavailableError, match=r"day=2024-06-26 was being replaced when that was cut short"):
        find_parts([lake])


def test_a_day_that_cannot_take_its_place_leaves_the_old_one_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial, target = tmp_path / ".day=2024-06-26.1-00.partial", tmp_path / "day=2024-06-26"
    for folder, text in ((partial, "new"), (target, "old")):
        folder.mkdir()
        (folder / "part").write_text(text)
    rename = Path.rename

    def refuse(self: Path, to: Path) -> Path:
        if self == partial:
            raise OSError(errno.EIO, "Input/output error")
        return rename(self, to)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="Input/output error"):
        publish(partial, target, replaces=True)

    assert (target / "part").read_text() == "old"
