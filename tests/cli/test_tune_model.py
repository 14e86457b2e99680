"""``msray tune --target model``."""

from pathlib import Path

import polars as pl
import pytest

from msray.cli.settings_file import load_settings
from tests.cli.conftest import Msray
from tests.cli.test_train import WORDS
from tests.feeds.test_shfe import put
from tests.venues.made_shfe import made_snapshots

SEARCH = """
tune_model:
  epochs: 2
  share: 1.0
  space:
    network.cells: {choices: [4, 8]}
    training.learning_rate: {low: 0.001, high: 0.05, log: true}
"""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    (tmp_path / "msray.yaml").write_text(WORDS + SEARCH)
    return put(tmp_path / "rb.parquet", made_snapshots(1, 1500))


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--target", "models"), "unknown target 'models'"),
        (("--target", "model", "--trials", "0"), "--trials must be 1 to 10000, got 0"),
        (("--target", "model", "--model-type", "gruu"), "unknown model 'gruu'"),
        (("--target", "model", "--model-type", "linear"), "network.cells: Extra inputs"),
        (("--target", "model", "--strategy", "maker"), "--strategy goes with --target backtest"),
        (("--model-type", "gru"), "--model-type goes with --target model"),
        (("--target", "model", "--resume"), "--resume needs a search that was begun"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(msray: Msray, recording: Path, words: tuple[str, ...], says: str) -> None:
    said = msray("tune", recording, *words)

    assert (said.code, says in said.err) == (2, True), said.err


@pytest.mark.usefixtures("on_cluster")
@pytest.mark.ray
@pytest.mark.timeout(300)
def test_a_search_leaves_a_configuration_to_train_by_and_goes_on(msray: Msray, recording: Path) -> None:
    said = msray("tune", recording, "--target", "model", "--trials", "3", "--json")

    data = said.document["data"]
    assert said.code == 0
    assert (data["trials"], data["tried_before"], data["model"]) == (3, 0, "gru")
    assert data["surprise"] <= data["surprise_before"]
    folder = Path(data["run_folder"])
    assert {path.name for path in folder.iterdir()} == {"config.yaml", "metrics.json", "trials.parquet"}
    trials = pl.read_parquet(folder / "trials.parquet")
    assert trials.columns == ["state", "score", "epochs", "problem", "network.cells", "training.learning_rate"]
    assert trials.height == 3
    best, now = (load_settings(one, {}).train for one in (folder / "config.yaml", Path("msray.yaml")))
    assert best.models[0].training.epochs == now.models[0].training.epochs
    chosen = {f"network.{key}": value for key, value in best.models[0].network.items()}
    chosen["training.learning_rate"] = best.models[0].training.learning_rate
    assert {name: chosen[name] for name in data["best_parameters"]} == data["best_parameters"]
    assert (best.features, best.labels) == (now.features, now.labels)

    going_on = msray("tune", recording, "--target", "model", "--resume", "--trials", "4")
    assert "going on: 3 trials had ended, 0 were running" in going_on.err
    assert any(line.startswith("trials 4: ") for line in going_on.out.splitlines())
    assert "not-to-be-written-anywhere" not in (folder / "config.yaml").read_text()
