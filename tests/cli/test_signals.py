"""``msray signals``: from a ledger that nobody has open, from one that is being written, over HTTP."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from msray.store.ledger import Ledger
from tests.api.test_server import Running
from tests.cli.conftest import Msray, Said
from tests.clocks import StillClock
from tests.store.examples import BTC, ETH, a_signal


@pytest.fixture
def signals(msray: Msray) -> Msray:
    return partial(msray, "signals")


def rows(said: Said) -> list[dict[str, Any]]:
    assert (said.document["schema"], said.document["ok"]) == ("msray.signals/1", True)
    return list(said.document["data"]["signals"])


@pytest.fixture
def ledger(tmp_path: Path) -> str:
    path = f"{tmp_path}/ledger.db"
    ledger = Ledger(path, clock=StillClock())
    ledger.store(
        [
            a_signal(n, instrument=(BTC, ETH)[n % 2], signal_type=("imbalance", "spread")[n % 3 == 0])
            for n in range(1200)
        ]
    )
    ledger.close()
    return path


def test_newest_come_first_and_limit_may_be_more_than_a_page(signals: Msray, ledger: str) -> None:
    found = rows(signals("--json", "--ledger", ledger, "--limit", 1100))

    assert [row["seq"] for row in found] == list(range(1200, 100, -1))
    assert found[0]["signal_id"] == a_signal(1199).signal_id
    assert len(rows(signals("--json", "--ledger", ledger))) == 50


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--instrument", BTC], [1199, 1197]),
        (["--instrument", "ETHUSDT"], [1200, 1198]),
        (["--instrument", "NOSUCH"], []),
        (["--type", "spread"], [1198, 1195]),
        (["--since", "2024-08-09T00:00:00.000001199Z"], [1200]),
    ],
)
def test_filters(signals: Msray, ledger: str, words: list[str], expected: list[int]) -> None:
    assert [row["seq"] for row in rows(signals("--json", "--ledger", ledger, "--limit", 2, *words))] == expected


def test_people_get_a_table(signals: Msray, ledger: str) -> None:
    lines = signals("--ledger", ledger, "--limit", 1).out.splitlines()

    assert lines[0].split("\t")[:3] == ["event_time", "instrument", "signal_type"]
    assert lines[1].split("\t")[1:4] == [ETH, "imbalance", "0.750"]


def test_a_ledger_that_is_being_written_can_be_read(signals: Msray, tmp_path: Path) -> None:
    writer = Ledger(f"{tmp_path}/state/ledger.db", clock=StillClock())
    writer.store([a_signal()])

    assert len(rows(signals("--json"))) == 1  # the default ledger of a working directory
    writer.close()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--ledger", "none.db"], "there is no ledger at none.db"),
        (["--since", "yesterday", "--ledger", "none.db"], "time must be like"),
        (["--limit", "0"], "--limit"),
        (["--ledger", "a", "--url", "b"], "say either --ledger or --url"),
        (["--url", "ftp://x"], "url must begin with http"),
    ],
)
def test_what_is_wrong_is_exit_2_in_one_line(signals: Msray, words: list[str], message: str) -> None:
    said = signals(*words)

    assert said.code == 2
    assert message in said.err
    assert said.out == ""


def test_a_symbol_of_several_venues_names_the_candidates(signals: Msray, tmp_path: Path) -> None:
    writer = Ledger(f"{tmp_path}/l.db", clock=StillClock())
    writer.store([a_signal(0), a_signal(1, instrument="binance_spot:BTCUSDT")])
    writer.close()

    said = signals("--ledger", "l.db", "--instrument", "BTCUSDT")

    assert said.code == 2
    assert "binance_spot:BTCUSDT, binance_usdm:BTCUSDT" in said.err


def test_over_http_it_is_the_same(signals: Msray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "0123456789abcdef-sesame"
    server = Running(tmp_path, api_key=key)
    try:
        server.post(json.dumps({"signals": [_submitted(n) for n in range(700)]}).encode(), **{"X-API-Key": key})
        refused = signals("--url", server.url)
        monkeypatch.setenv("MSRAY_API_KEY", key)
        over_http = rows(signals("--url", server.url, "--limit", 600, "--json", "--instrument", "BTCUSDT"))
        direct = rows(signals("--ledger", server.path, "--limit", 600, "--json"))
        wrong = signals("--url", server.url, "--since", "yesterday")
    finally:
        server.stop()
    gone = signals("--url", server.url)

    assert over_http == direct
    assert [row["seq"] for row in direct] == list(range(700, 100, -1))
    assert refused.code == 2
    assert "MSRAY_API_KEY" in refused.err
    assert wrong.code == 2
    assert "query/since" in wrong.err
    assert gone.code == 4
    assert "no API answers at" in gone.err


def _submitted(number: int) -> dict[str, Any]:
    return {"symbol": "BTCUSDT", "signal_type": "spread", "score": 0.5, "features": {"n": number}}
