"""A test that asks for the recordings skips where they are absent, and fails where they have to be there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
TESTS = """\
import pytest

def test_asks(data_dir): pass

def test_skips_by_itself(data_dir): pytest.skip("one file is missing")

@pytest.mark.skip(reason="never")
def test_is_marked(data_dir): pass

@pytest.mark.xfail
def test_is_known_to_fail(data_dir): assert False

def test_asks_for_nothing(): pytest.skip("other reasons")
"""


@pytest.mark.parametrize(
    ("data", "required", "outcome"),
    [
        ("absent", "", "5 skipped"),
        ("absent", "1", "1 skipped, 4 errors"),
        (".", "", "1 passed, 3 skipped, 1 xfailed"),
        (".", "1", "1 failed, 1 passed, 1 skipped, 1 xfailed, 1 error"),
    ],
)
def test_data_that_has_to_be_there(tmp_path: Path, data: str, required: str, outcome: str) -> None:
    (tmp_path / "test_data.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = os.environ | {"MSRAY_DATA": str(tmp_path / data), "PYTHONPATH": str(REPOSITORY)}
    environment |= {"MSRAY_REQUIRE_DATA": required, "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider", "test_data.py"]

    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    assert done.stdout.splitlines()[-1].startswith(outcome), done.stdout
