"""``msray doctor``."""

import shutil
import socket
from pathlib import Path

import pytest

from msray import compiled
from msray.cli import doctor
from tests.cli.conftest import Msray, Said


def checks(said: Said) -> dict[str, str]:
    return {check["name"]: check["status"] for check in said.document["data"]["checks"]}


def test_a_machine_that_runs_these_tests_is_well(msray: Msray) -> None:
    said = msray("doctor", "--json")

    assert said.code == 0
    assert said.document["data"]["failed"] == []
    assert checks(said)["python"] == "ok"
    assert {"machine", "disk", "compile cache", "port 8000", "ray"} <= checks(said).keys()


def test_a_full_disk_is_a_failure_that_still_shows_every_check(msray: Msray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))

    said = msray("doctor", "--json")

    assert said.code == 1
    assert checks(said)["disk"] == "fail"
    assert said.document["error"]["message"].endswith("checks failed: disk")


def test_a_taken_port_is_a_warning(msray: Msray, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(doctor, "PORTS", {port: "HTTP API"})

        said = msray("doctor", "--json")

    assert said.code == 0
    assert checks(said)[f"port {port}"] == "warn"


def test_a_cache_that_cannot_be_written_is_a_warning(
    msray: Msray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))

    assert checks(msray("doctor", "--json"))["compile cache"] == "warn"


def test_the_cache_it_looks_at_is_the_one_in_use(msray: Msray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))

    assert f"compile cache\tok\t{compiled.cache_folder('kernels').parent}" in msray("doctor").out


def test_ray_in_token_mode_without_a_token_is_a_warning(
    msray: Msray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(tmp_path / "token"))

    assert checks(msray("doctor", "--json"))["ray"] == "warn"
    (tmp_path / "token").write_text("\n")  # as a full disk leaves it
    assert checks(msray("doctor", "--json"))["ray"] == "warn"
    (tmp_path / "token").write_text("1f0e")
    assert checks(msray("doctor", "--json"))["ray"] == "ok"
