"""``msray init``."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from msray.cli.settings import Settings
from msray.cli.settings_file import SHORT_NAMES, load_settings
from msray.cli.template import ENVIRONMENT, template
from tests.cli.conftest import Msray


def test_what_it_writes_is_every_default(msray: Msray) -> None:
    said = msray("init", "desk/one", "--json")

    assert said.document["data"] == {"files": ["desk/one/msray.yaml", "desk/one/.env.example"]}
    assert load_settings(Path("desk/one/msray.yaml"), {}) == Settings(
        state_dir=Path("desk/one/state"), runs_dir=Path("desk/one/runs"), models_dir=Path("desk/one/models")
    )
    assert msray("config", "check", "desk/one/msray.yaml").code == 0


def test_every_key_is_written_and_explained() -> None:
    text = template()

    for model in (Settings, *(type(value) for value in dict(Settings()).values() if isinstance(value, BaseModel))):
        for name, field in model.model_fields.items():
            assert f"{name}:" in text
            assert field.description, f"{model.__name__}.{name}"


def test_every_commented_key_can_be_said(tmp_path: Path) -> None:
    said = {"endpoint": "ws://127.0.0.1:9", "ledger_url": "sqlite:///x", "folder": "f", "file": "f", "keys_file": "f"}
    text = template().replace("# key:", "key: a-key-of-at-least-16-characters")
    for key, value in said.items():
        assert f"# {key}:" in text
        text = text.replace(f"# {key}:", f"{key}: {value}")
    (tmp_path / "msray.yaml").write_text(text)

    assert load_settings(tmp_path / "msray.yaml", {}).endpoint == "ws://127.0.0.1:9"


def test_the_environment_is_explained() -> None:
    for name in (*SHORT_NAMES, "MSRAY_LEDGER_URL"):
        assert f"# {name}=" in ENVIRONMENT


@pytest.mark.parametrize("name", ["msray.yaml", ".env.example"])
def test_nothing_is_overwritten_and_nothing_half_written(msray: Msray, name: str) -> None:
    Path(name).write_text("mine")

    said = msray("init", ".")

    assert said.code == 2
    assert f"{name} must not exist yet" in said.err
    assert [path.name for path in Path().iterdir()] == [name]
    assert Path(name).read_text() == "mine"


def test_force_overwrites(msray: Msray) -> None:
    Path("msray.yaml").write_text("mine")

    assert msray("init", ".", "--force").code == 0
    assert "profile: development" in Path("msray.yaml").read_text()


def test_a_folder_that_is_a_file_is_named(msray: Msray) -> None:
    Path("desk").write_text("")

    said = msray("init", "desk")

    assert said.code in (1, 2)
    assert "desk" in said.err
