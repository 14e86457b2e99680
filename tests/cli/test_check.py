"""``msray check lookahead``: exit code 3 and the first difference where something knew what was yet to come."""

from pathlib import Path

import pytest

from tests.cli.conftest import Msray
from tests.cli.test_label import WORDS

OWN = """
from msray.backtest import Strategy
from msray.market import Side

FUTURE = {1_723_161_255_000_000_000 + second * 10**9: (-1) ** second for second in range(400)}


class ByHeart(Strategy):
    columns = ("imbalance_l5",)

    def __init__(self, config):
        pass

    def on_signal(self, signal, desk):
        later = [move for at_ns, move in FUTURE.items() if at_ns > desk.now_ns]
        if later:
            desk.place(signal.instrument, Side.BUY if later[0] > 0 else Side.SELL, 1)


class Inside(ByHeart):
    def on_signal(self, signal, desk):
        last = desk.markets[signal.instrument].quotes._pieces[-1].bests[-1, 0]
        desk.place(signal.instrument, Side.BUY if last > desk.quote(signal.instrument).bid_tick else Side.SELL, 1)


class Honest(ByHeart):
    def on_signal(self, signal, desk):
        desk.place(signal.instrument, Side.BUY if desk.values(signal.instrument)[0] > 0 else Side.SELL, 1)
"""


@pytest.fixture
def recording(data_dir: Path, tmp_path: Path) -> Path:
    (tmp_path / "msray.yaml").write_text(WORDS)
    (tmp_path / "own.py").write_text(OWN)
    return data_dir / "binance_2024-08-08_multi_venue" / "usdm" / "btcusdt_20240808.gz"


def test_an_honest_strategy_and_its_features_pass(msray: Msray, recording: Path) -> None:
    said = msray("check", "lookahead", recording, "--strategy", "own.py:Honest", "--cuts", "3", "--json")

    data = said.document["data"]
    assert (said.code, said.document["schema"]) == (0, "msray.check.lookahead/1")
    assert (data["cuts"], data["differences"]) == (3, [])
    assert min(data["rows"], data["signals"], data["entries"]) > 0


def test_without_a_strategy_features_and_signals_are_checked(msray: Msray, recording: Path) -> None:
    said = msray("check", "lookahead", recording, "--cuts", "1")

    assert said.code == 0
    assert said.out.startswith("no look-ahead found: ")


@pytest.mark.parametrize(
    ("strategy", "test", "hint"),
    [
        ("Inside", "cut", "something there looks at what is yet to come"),
        ("ByHeart", "disguise", "dates or ids are known by heart"),
    ],
)
def test_a_strategy_that_peeks_fails_and_is_told_when_and_how(
    msray: Msray, recording: Path, strategy: str, test: str, hint: str
) -> None:
    words = ("check", "lookahead", recording, "--until", "2024-08-08T23:57:00Z", "--cuts", "2")

    said = msray(*words, "--strategy", f"own.py:{strategy}")

    assert said.code == 3
    assert "msray: look-ahead, order at 2024-08-08T23:5" in said.err
    assert said.err.endswith(f"{hint}\n")
    name, _, at, what, whole, other = said.out.splitlines()[1].split("\t")
    assert (name, at[:15], what, whole != other) == (test, "2024-08-08T23:5", "order", True)


def test_a_program_gets_the_differences_and_the_error(msray: Msray, recording: Path) -> None:
    words = ("--until", "2024-08-08T23:56:00Z", "--cuts", "1", "--strategy", "own.py:ByHeart")

    document = msray("check", "lookahead", recording, *words, "--json").document

    assert (document["ok"], document["error"]["code"]) == (False, "lookahead")
    (found,) = document["data"]["differences"]
    assert (found["test"], found["what"], found["other"]) == ("disguise", "order", "nothing")


def test_a_calibration_made_from_what_it_judges_is_found(msray: Msray, recording: Path) -> None:
    """Learned from the second half of the minutes that it then watches."""
    assert msray("calibrate", recording, "--bars", "600", "--first-bar", "1500", "--out", "c.json").code == 0

    said = msray("check", "lookahead", recording, "--calibration", "c.json", "--cuts", "1")

    assert said.code == 3
    assert "calibrate on an earlier recording" in said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--strategy", "fellow"), "unknown strategy"),
        (("--cuts", "0"), "Invalid value for '--cuts'"),
        (("--clock-correction-ms", "1e9"), "--clock-correction-ms"),
        ((), "no such file or folder: nothing.gz"),
    ],
)
def test_what_cannot_be_checked_is_refused(msray: Msray, words: tuple[str, ...], message: str) -> None:
    said = msray("check", "lookahead", "nothing.gz", *words)

    assert said.code == 2
    assert message in said.err


def test_the_verbs_of_check_are_listed(msray: Msray) -> None:
    assert "lookahead" in msray("check", "--help").out
