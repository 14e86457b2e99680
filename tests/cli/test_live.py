"""What ``msray live`` refuses before it starts or asks anything."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from msray.cli import live
from msray.errors import UnavailableError, UsageError
from msray.on_ray.environment import free_port
from tests.cli.conftest import Msray


@pytest.mark.parametrize(
    ("words", "variables", "code", "says"),
    [
        ((), {}, "usage", "instruments must name at least one, got none"),
        (("--until-end",), {}, "usage", "--until-end needs an --endpoint"),
        (("--instruments", "BTCUSDT"), {}, "usage", "instrument must look like venue:SYMBOL"),
        (
            ("--instruments", "binance_usdm:BTCUSDT", "--paper"),
            {"MSRAY_BACKTEST__LATENCY__LOG": "log.csv"},
            "usage",
            "backtest.latency.log knows nothing of times to come",
        ),
        (
            ("--instruments", "binance_usdm:BTCUSDT"),
            {"MSRAY_API__HOST": "0.0.0.0"},
            "config",
            "host must be 127.0.0.1 unless there is an API key, got 0.0.0.0",
        ),
    ],
)
def test_what_cannot_run_is_refused_and_leaves_nothing(
    words: tuple[str, ...],
    variables: dict[str, str],
    code: str,
    says: str,
    msray: Msray,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    said = msray("live", *words, "--json")

    assert (said.code, said.document["error"]["code"]) == (2, code)
    assert said.document["error"]["message"].startswith(says)
    assert not list(Path.cwd().iterdir())


def test_without_an_api_its_address_does_not_matter(msray: Msray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MSRAY_API__HOST", "0.0.0.0")
    words = ("--instruments", "binance_usdm:BTCUSDT", "--endpoint", f"http://127.0.0.1:{free_port()}")

    assert (msray("live", *words).code, msray("live", *words, "--no-api").code) == (2, 4)


def test_funding_of_what_is_not_watched_is_refused_on_paper(msray: Msray) -> None:
    payment = "{instrument: binance_usdm:BTCUSD, at_ns: 1, rate: 0.0001}"
    Path("msray.yaml").write_text(f"instruments: [binance_usdm:BTCUSDT]\nbacktest: {{funding: [{payment}]}}\n")

    said = msray("live", "--paper", "--json")

    assert (said.code, said.document["error"]["hint"]) == (2, "did you mean 'binance_usdm:BTCUSDT'?")


@pytest.mark.parametrize(
    ("ids", "still_s", "looks"), [([3, -1, 5, 9, 9], 60.0, 4), ([12], 60.0, 1), ([5] * 9, 0.02, None)]
)
def test_what_was_sent_last_is_waited_for_unless_the_books_stand_still(
    monkeypatch: pytest.MonkeyPatch, ids: list[int], still_s: float, looks: int | None
) -> None:
    from msray.on_ray import running

    left = iter(ids)

    def look() -> SimpleNamespace:
        seen = next(left)
        if seen < 0:
            raise UnavailableError("the board is not running")
        return SimpleNamespace(instruments=[SimpleNamespace(instrument="a:B", update_id=seen)])

    monkeypatch.setattr(running, "look", look)
    monkeypatch.setattr(live, "LOOK_S", 0.01)
    monkeypatch.setattr(live, "_STANDS_STILL_S", still_s)

    live._take_all({"a:B": 9, "of:NOBODY": 7})

    assert looks is None or len(list(left)) == len(ids) - looks


def test_a_simulator_that_is_gone_has_ended_and_what_is_none_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_over(endpoint: str) -> bool:
        raise {"gone": UnavailableError, "none": UsageError}[endpoint](endpoint)

    monkeypatch.setattr(live, "is_over", is_over)

    assert [live._has_ended(endpoint) for endpoint in ("gone", "none", None)] == [True, False, False]
