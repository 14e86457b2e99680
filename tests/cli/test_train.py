"""``msray train``: what it refuses, and what it leaves behind."""

import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from msray.cli.settings_file import load_settings
from msray.store.registry import Registry
from msray.training.floors import FLOORS
from tests.cli.conftest import Msray
from tests.commands import REPOSITORY
from tests.feeds.test_shfe import put
from tests.venues.made_shfe import made_snapshots

WORDS = """
train:
  features: [imbalance_l1, ask_price_bps_l1, ofi_log_l1, mid_deviation_bps_10_rows]
  labels: {horizons: [2, 5]}
  models:
    - name: gru
      network: {cells: 8}
      training: {epochs: 2, chunk: 64, warm_up: 8, chunks: 4, device: cpu}
api: {key: not-to-be-written-anywhere, port: 8001}
"""
QUICK = ("--epochs", "2")


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    (tmp_path / "msray.yaml").write_text(WORDS)
    return put(tmp_path / "rb.parquet", made_snapshots(1, 1500))


@pytest.mark.parametrize(
    ("words", "says", "hint"),
    [
        (("--model-type", "directonal"), "unknown model 'directonal'", "did you mean 'directional'?"),
        (("--epochs", "0"), "--epochs: must be greater than or equal to 1, got 0", ""),
        (("--seeds", "0"), "--seeds: must be greater than or equal to 1, got 0", ""),
        (("--horizons", "10,x"), "--horizons: must be a valid integer", ""),
        (("--horizons", "10,5"), "--horizons: horizons must rise, got (10, 5)", ""),
        (("--name", "../x"), "name must be small letters, digits", ""),
        (("--horizons", "5000"), "rows to learn from must be more than the horizon, 5000, got 899", ""),
        (("--horizons", "2,310"), "must hold labels of horizon 310, got none in 300 of 1499 rows", "record more"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(
    msray: Msray, recording: Path, words: tuple[str, ...], says: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("msray.on_ray.session.start_local", lambda **_: "")  # it is said before anything is trained

    said = msray("train", recording, *words)

    assert (said.code, says in said.err, hint in said.err) == (2, True, True), said.err
    assert not list(Path().glob("runs/2*"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("train: {features: [imbalance_l1, spred_bps]}", "msray.yaml:1: train: unknown feature 'spred_bps'"),
        ("train: {features: [spread_bps]}", "train: Value error, features must have imbalance_l1"),
        ("train: {models: [{name: gruu}]}", "name must be one of linear, gru"),
        ("train: {parts: {train_until: 2025-06-05}}", "train_until and valid_until must be given together"),
        ("train: {labels: {horizons: [5, 2]}}", "horizons must rise"),
        ("train: {epochs: 3}", "train.epochs: unknown key"),
    ],
)
def test_a_configuration_that_is_wrong_is_refused_with_its_place(msray: Msray, text: str, says: str) -> None:
    Path("msray.yaml").write_text(text)

    said = msray("train", "nothing.parquet")

    assert (said.code, says in said.err) == (2, True), said.err


def test_settings_load_no_torch_and_compile_nothing() -> None:
    code = (
        "import sys; from msray.cli.settings_file import load_settings; load_settings();"
        "sys.exit('torch' in sys.modules or any('.kernels' in name and 'market' not in name for name in sys.modules"
        " if name.startswith('msray')))"
    )

    assert subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=False).returncode == 0


@pytest.mark.usefixtures("on_cluster")
@pytest.mark.ray
@pytest.mark.timeout(200)
def test_from_a_recording_to_models_in_the_registry(msray: Msray, recording: Path) -> None:
    said = msray("train", recording, "--model-type", "gru", "--model-type", "linear", "--name", "rb", "--json")

    data = said.document["data"]
    assert said.code == 0
    assert said.document["schema"] == "msray.train/1"
    assert data["models"] == {"gru": "rb-gru:1", "linear": "rb-linear:1", "ensemble": "rb:1"}
    assert data["rows"] == {"train": 899, "valid": 300, "test": 300}
    assert data["looks_before"] == 0
    folder = Path(data["run_folder"])
    files = {"config.yaml", "metrics.json", "learning_curves.parquet", "report.html"}
    assert {path.name for path in folder.iterdir()} == files
    assert json.loads((folder / "metrics.json").read_text())["verdict"] == data["verdict"]
    assert pl.read_parquet(folder / "learning_curves.parquet").columns[:4] == ["training", "model", "seed", "epoch"]
    assert "not-to-be-written-anywhere" not in "".join(path.read_text() for path in folder.glob("*.[yjh]*"))
    assert list((Path("runs") / "trainings").iterdir()) == []

    registry = Registry(Path("models"))
    model = registry.load("rb", 1)
    assert [one.name for one in model.record.members] == ["gru", "linear"]
    assert model.record.data.instruments == ("shfe:RB2510",)
    assert registry.aliases("rb") == {}
    again = load_settings(folder / "config.yaml", {}).train
    now = load_settings(Path("msray.yaml"), {}).train
    assert (again.features, again.labels, [one.name for one in again.models]) == (
        now.features,
        now.labels,
        ["gru", "linear"],
    )
    assert again.models[0] == now.models[0]

    listed = msray("runs", "ls")
    compared = msray("models", "compare", "rb", "rb-gru")
    told = msray("train", recording, "--config", folder / "config.yaml", *QUICK, "--seeds", "2")
    assert (listed.code, compared.code, told.code) == (0, 0, 0), told.err
    assert "rows that judge were looked at before, by 1 of the trainings in " in told.err
    assert "in models: gru:1, linear:1, ensemble:1" in told.err.replace(str(Path.cwd()) + "/", "")
    assert registry.record("gru", 1).members[0].seeds == (0, 1)
    assert any(line.startswith("gru:1\t2\t") for line in told.out.splitlines())


@pytest.mark.ray
@pytest.mark.timeout(200)
def test_an_hour_of_a_real_market_is_learned_from(msray: Msray, data_dir: Path) -> None:
    words = ("--until", "2025-06-04T14:00:00Z", "--model-type", "linear", "--epochs", "1", "--horizons", "10")

    said = msray("train", data_dir / "shfe_rb2510_l5" / "rb_20250605.parquet", *words, "--json")

    data = said.document["data"]
    assert said.code == 0
    assert data["models"] == {"linear": "linear:1"}
    assert sum(data["rows"].values()) > 5000
    assert {one["name"] for one in data["figures"] if one["is_floor"]} == set(FLOORS)
    assert "beside a spread of 2." in data["verdict"] or "beside a spread of 3." in data["verdict"]


@pytest.mark.parametrize(
    ("job", "words", "flag"),
    [
        ("train", (), "--runs"),
        ("train", ("--runs", "/shared/runs"), "--models"),
        ("train", ("--runs", "runs"), "--runs"),
        ("tune", (), "--runs"),
    ],
)
def test_a_job_does_not_write_into_its_working_copy(job: str, words: tuple[str, ...], flag: str) -> None:
    command = [sys.executable, f"jobs/{job}.py", "rb.csv", *words]

    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert done.stderr.startswith(f"{flag} must lie outside of the job's working copy, as /shared/{flag[2:]}, got ")
    assert done.stderr.count("\n") == 1


def test_a_job_whose_folders_lie_elsewhere_takes_the_words_of_train(tmp_path: Path) -> None:
    folders = ("--runs", str(tmp_path / "runs"), "--models", str(tmp_path / "models"))
    command = [sys.executable, "jobs/train.py", str(tmp_path / "none.csv"), *folders]

    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert "none.csv" in done.stderr
