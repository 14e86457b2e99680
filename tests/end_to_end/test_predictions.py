"""A trained model beside the detectors, as a user runs it: live, in the ledger, and again in the replay."""

from pathlib import Path

import polars as pl
import pytest

from tests.end_to_end.running import msray, simulator
from tests.store.trained import a_trained_registry

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(400)]

NAME = "binance_usdm:SYNUSDT"
CONFIG = """
instruments: ['{name}']
endpoint: {endpoint}
detection: {{bar_ms: 100, arl0: 100}}
predict: {{models: [small], interval_seconds: 0.5, signal_horizon: 5, signal_cooldown_seconds: 0}}
"""


def test_what_a_model_says_live_is_stored_shown_and_found_again_in_the_replay(tmp_path: Path) -> None:
    registry, signals = a_trained_registry(tmp_path / "models"), tmp_path / "signals.parquet"
    with simulator("--synthetic", "--seconds", "120", "--speed", "10", "--one-socket", "--seed", "1") as url:
        (tmp_path / "msray.yaml").write_text(CONFIG.format(name=NAME, endpoint=url))
        told = msray(tmp_path, "live", "--one-socket", "--until-end", "--no-api", timeout_s=300)["data"]

    (model,) = told["models"]
    assert (model["model"], model["digest"]) == ("small:1", registry.record("small", 1).digest)
    assert model["predictions"] >= model["signals"] > 0
    assert model["scores"][0]["rows"] > 0
    assert model["scores"][0]["base_rate"] is not None
    again = msray(tmp_path, "replay", "state/raw_log/shard-0", "--signals", str(signals))["data"]
    stored = msray(tmp_path, "signals", "--limit", "500")["data"]["signals"]
    found = pl.read_parquet(signals)
    assert again["problems"] == []
    assert again["predictions"]["made"] >= model["predictions"]
    assert sorted(found["signal_id"].to_list()) == sorted(one["signal_id"] for one in stored)
    assert {"prediction"} < set(found["signal_type"].to_list())
