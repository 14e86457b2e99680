"""What ``replay`` and ``calibrate`` refuse before they touch anything; what they find is in ``tests/end_to_end``."""

import re
from pathlib import Path

import pytest

from msray.store.ledger_records import parse_time
from tests.cli.conftest import Msray
from tests.feeds.test_recording import depth, snapshot, write


@pytest.mark.parametrize(
    ("words", "output"),
    [
        (("replay", "rec/a.log", "--bbo", "rec/a.log"), "rec/a.log"),
        (("replay", "rec", "--signals", "rec/../rec/a.log"), "rec/../rec/a.log"),
        (("replay", "rec", "--depth", "link"), "link"),
        (("replay", "rec", "--config", "msray.yaml", "--features", "msray.yaml"), "msray.yaml"),
        (("calibrate", "rec", "--out", "rec/a.log"), "rec/a.log"),
    ],
)
def test_nothing_that_is_read_is_written_over(
    msray: Msray, tmp_path: Path, words: tuple[str, ...], output: str
) -> None:
    recording = write(tmp_path / "rec" / "a.log", [snapshot(), *(depth("AAA", i) for i in range(4, 9))])
    (tmp_path / "link").symlink_to(recording)
    (tmp_path / "msray.yaml").write_text("profile: development\n")
    before = recording.read_bytes()

    said = msray(*words)

    assert said.code == 2
    assert said.err == f"msray: output must not be a file that is read, got {output}\n"
    assert recording.read_bytes() == before


def test_the_time_that_the_help_shows_is_one_that_is_understood(msray: Msray) -> None:
    (shown,) = re.findall(r"[0-9-]{10}T[^\s.]*", msray("replay", "--help").out)

    assert parse_time(shown) == 1_723_161_300 * 10**9
