"""``msray api`` as a process: one line for what went wrong, an orderly end, nothing lost."""

import http.client
import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from msray.store.ledger_reader import LedgerReader
from tests.api.service import A_SIGNAL
from tests.commands import address, start


def _post(where: str, number: int, **headers: str) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection(where, timeout=10)
    body = json.dumps({**A_SIGNAL, "features": {"n": number}})
    connection.request("POST", "/api/v1/signals", body, {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def _failed(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    _, said = process.communicate(timeout=30)
    return process.returncode, said.splitlines()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with start(tmp_path, "api", "--port", "0", "--ledger", "l.db", "--json") as process:
        status, answer = _post(address(process), 1)
        process.send_signal(number)
        out, said = process.communicate(timeout=20)

    assert (status, process.returncode, said) == (201, 0, "")
    assert json.loads(out)["ok"] is True
    reader = LedgerReader(str(tmp_path / "l.db"))
    assert reader.get(str(answer["signal_id"])) is not None
    reader.close()


def test_after_kill_9_every_answered_signal_is_there_and_a_new_start_works(tmp_path: Path) -> None:
    with start(tmp_path, "api", "--port", "0", "--ledger", "l.db") as process:
        where = address(process)
        answered = [_post(where, number) for number in range(50)]
        process.kill()
    with start(tmp_path, "api", "--port", "0", "--ledger", "l.db") as process:
        again = [_post(address(process), 0)]
        process.terminate()

    reader = LedgerReader(str(tmp_path / "l.db"))
    assert all(status == 201 and reader.get(str(answer["signal_id"])) for status, answer in answered)
    assert again[0][1] == {**answered[0][1], "duplicate": True}
    reader.close()


def test_a_taken_port_is_exit_4_in_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        code, said = _failed(start(tmp_path, "api", "--port", str(port), "--ledger", "l.db"))

    assert code == 4
    assert said[0] == f"msray: port {port} on 127.0.0.1 cannot be used: Address already in use"
    assert len(said) == 2


def test_a_second_one_on_the_same_ledger_is_exit_4_and_names_the_first(tmp_path: Path) -> None:
    with start(tmp_path, "api", "--port", "0", "--ledger", "l.db") as first:
        address(first)

        code, said = _failed(start(tmp_path, "api", "--port", "0", "--ledger", "l.db"))
        first.terminate()

    assert code == 4
    assert f"is being written by pid {first.pid} on " in said[0]


def test_an_open_address_without_keys_is_exit_2(tmp_path: Path) -> None:
    code, said = _failed(start(tmp_path, "api", "--host", "0.0.0.0", "--port", "0"))

    assert code == 2
    assert "host must be 127.0.0.1 unless there is an API key, got 0.0.0.0" in said[0]
    assert not list(tmp_path.iterdir())


def test_a_key_in_the_environment_locks_it_and_never_shows(tmp_path: Path) -> None:
    key = "canary-0123456789abcdef"
    with start(tmp_path, "api", "--port", "0", "--ledger", "l.db", MSRAY_API_KEY=key) as process:
        where = address(process)
        without, with_key = _post(where, 1)[0], _post(where, 1, **{"X-API-Key": key})[0]
        process.terminate()
        out, said = process.communicate(timeout=20)

    assert (without, with_key) == (401, 201)
    assert key not in out + said
    assert key.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_a_wrong_key_file_is_exit_2_and_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("sesame read me\n")

    code, said = _failed(start(tmp_path, "api", "--port", "0", "--keys", "keys"))

    assert code == 2
    assert said[0] == "msray: keys:1: sha256 must be 64 hexadecimal digits"
