"""Environment over file over default; every mistake is named with file, line, key and the nearest right one."""

from pathlib import Path

import pytest

from msray.cli.settings import HIDDEN, Settings, without_password
from msray.cli.settings_file import load_settings, shown
from msray.errors import ConfigError
from tests.commands import REPOSITORY

KEY = "a-key-of-at-least-16-characters"


def load(folder: Path, text: str, **environment: str) -> Settings:
    path = folder / "msray.yaml"
    path.write_text(text)
    return load_settings(path, environment)


def mistakes(folder: Path, text: str, **environment: str) -> list[str]:
    """What is said about a file, without the folder's name; the hint last."""
    with pytest.raises(ConfigError) as caught:
        load(folder, text, **environment)
    return [*str(caught.value).replace(f"{folder}/", "").splitlines(), caught.value.hint]


def test_nothing_said_is_every_default(tmp_path: Path) -> None:
    settings = load(tmp_path, "api:\ninstruments:\n")

    folders = {name: Path(name.removesuffix("_dir")) for name in ("state_dir", "runs_dir", "models_dir")}
    assert settings.model_copy(update=folders) == Settings()
    assert settings.detection.arl0_bars == 3600


def test_environment_over_file_over_default(tmp_path: Path) -> None:
    text = "api: {port: 8001, host: 127.0.0.2}\ndetection: {bar_ms: 100}\n"
    environment = {
        "MSRAY_API__PORT": "8002",
        "MSRAY_INSTRUMENTS": "binance_usdm:BTCUSDT, binance_spot:ETHUSDT",
        "MSRAY_RAW_LOG": "wire",
        "MSRAY_API_KEY": KEY,
        "MSRAY_PROFILE": "production",
        "MSRAY_OTHER": "not ours",
        "HOME": "/",
    }

    settings = load(tmp_path, text, **environment)

    assert (settings.api.port, settings.api.host, settings.detection.bar_ms) == (8002, "127.0.0.2", 100)
    assert settings.instruments == ("binance_usdm:BTCUSDT", "binance_spot:ETHUSDT")
    assert settings.raw_log_folder == Path("wire")
    assert settings.api.key is not None
    assert settings.api.key.get_secret_value() == KEY
    assert not settings.shows_docs


def test_an_empty_variable_says_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, "", MSRAY_LEDGER_URL="", MSRAY_INSTRUMENTS="").ledger_url is None


def test_paths_of_a_file_start_at_its_folder_those_of_the_environment_do_not(tmp_path: Path) -> None:
    text = "raw_log: {folder: wire}\ndetection: {calibration: {file: /abs/c.json}}\napi: {keys_file: keys.txt}\n"

    settings = load(tmp_path, text, MSRAY_API__KEYS_FILE="other.txt")

    assert settings.state_dir == tmp_path / "state"
    assert settings.raw_log_folder == tmp_path / "wire"
    assert settings.detection.calibration.file == Path("/abs/c.json")
    assert settings.api.keys_file == Path("other.txt")
    assert settings.ledger.get_secret_value() == f"sqlite:///{tmp_path}/state/ledger.db"


def test_the_default_file_is_read_where_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(None, {}).api.port == 8000

    Path("msray.yaml").write_text("api: {port: 9000}")
    assert load_settings(None, {}).api.port == 9000


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("profile: x\n", "msray.yaml:1: profile: must be 'development' or 'production', got 'x'", ""),
        ("\napi:\n  prot: 1\n", "msray.yaml:3: api.prot: unknown key", "did you mean 'port'?"),
        ("zzz: 1\n", "msray.yaml:1: zzz: unknown key", "known: profile, instruments"),
        ("api:\n  port: 0\n", "msray.yaml:2: api.port: must be greater than or equal to 1, got '0'", ""),
        ("api: {port: true}\n", "msray.yaml:1: api.port: must be a whole number, got 'true'", ""),
        ("api: {port: 80.5}\n", "msray.yaml:1: api.port: must be a whole number, got '80.5'", ""),
        ("api: 3\n", "msray.yaml:1: api: must be a mapping of keys, got '3'", ""),
        ("api: {port: [1]}\n", "msray.yaml:1: api.port: must be a whole number", ""),
        ("raw_log: {retention_hours: inf}\n", "msray.yaml:1: raw_log.retention_hours: must be a finite", ""),
        ("raw_log: {enabled: maybe}\n", "msray.yaml:1: raw_log.enabled: must be true or false, got 'maybe'", ""),
        ("instruments: binance_spot:A\n", "msray.yaml:1: instruments: must be a list, got 'binance_spot:A'", ""),
        ("instruments:\n- aa:B\n- x\n", "msray.yaml:3: instruments.1: instrument must look like", "for example"),
        ("instruments: [aa:B, aa:B]\n", "msray.yaml:1: instruments: must name each instrument once, got aa:B", ""),
        ("endpoint: localhost:80\n", "msray.yaml:1: endpoint: must be a URL that begins with ws", ""),
        ("ledger_url: mysql://h/x\n", "msray.yaml:1: ledger_url: must begin with sqlite:/// or postgresql", ""),
        (
            "detection:\n  watches:\n  - {name: a, feature: imbalnce_l5}\n",
            "msray.yaml:3: detection.watches.0.feature: unknown feature 'imbalnce_l5'",
            "did you mean 'imbalance_l5'?",
        ),
        ("detection: {watches: [{name: a}]}\n", "msray.yaml:1: detection.watches.0.feature: is missing", ""),
        (
            "detection:\n  false_alarms_per_day: 3\n  arl0: 100\n",
            "msray.yaml:3: detection: must have exactly one of false_alarms_per_day and arl0",
            "",
        ),
        (
            "profile: production\napi:\n  host: 0.0.0.0\n",
            "msray.yaml:3: api.host must be a loopback address in profile production",
            "",
        ),
        (
            "profile: production\napi:\n  cors_origins: ['*']\n",
            "msray.yaml:3: api.cors_origins must name its origins in profile production, got *",
            "",
        ),
    ],
)
def test_a_mistake_is_named_with_file_line_key_and_range(tmp_path: Path, text: str, said: str, hint: str) -> None:
    first, *_, got_hint = mistakes(tmp_path, text)

    assert first.startswith(said)
    assert hint in got_hint
    assert bool(hint) == bool(got_hint)


def test_all_mistakes_are_named_in_the_order_of_their_lines(tmp_path: Path) -> None:
    lines = mistakes(tmp_path, "detection:\n  bar_ms: 1\napi:\n  prot: 1\nprofile: x\n")

    assert [line.split(": ")[0] for line in lines[:-1]] == ["msray.yaml:2", "msray.yaml:4", "msray.yaml:5"]
    assert "(did you mean 'port'?)" in lines[1]


def test_a_mistake_of_the_environment_names_its_variable(tmp_path: Path) -> None:
    assert (
        mistakes(tmp_path, "", MSRAY_API__PORT="x")[0] == "MSRAY_API__PORT: api.port: must be a whole number, got 'x'"
    )
    assert mistakes(tmp_path, "", MSRAY_API__PROT="1") == [
        "MSRAY_API__PROT: api.prot: unknown key",
        "did you mean 'port'?",
    ]


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("profile: production\napi: {key: s3cret}\n", {}),
        ("profile: production\n", {"MSRAY_API_KEY": "s3cret"}),
        ("ledger_url: mysql://me:s3cret@db/x\n", {}),
        ("api: {kye: s3cret-s3cret-s3cret}\n", {}),
    ],
)
def test_a_mistaken_secret_is_not_shown(tmp_path: Path, text: str, environment: dict[str, str]) -> None:
    assert "s3cret" not in "".join(mistakes(tmp_path, text, **environment))


def test_no_secret_is_shown(tmp_path: Path) -> None:
    settings = load(tmp_path, f"api: {{key: {KEY}}}\nledger_url: 'postgresql://me:s3cret@db/x?sslpassword=s3cret'\n")

    tree = shown(settings)

    assert tree["ledger_url"] == f"postgresql://me:{HIDDEN}@db/x?sslpassword={HIDDEN}"
    assert tree["api"]["key"] == HIDDEN
    for text in (str(tree), repr(settings)):
        assert "s3cret" not in text
        assert KEY not in text


@pytest.mark.parametrize(
    "url", ["sqlite:///state/ledger.db", "sqlite:////abs/ledger.db", "postgresql+psycopg://db:5432/x", "sqlite://"]
)
def test_a_url_without_password_is_shown_as_it_is(url: str) -> None:
    assert without_password(url) == url


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_production_listens_on_loopback_without_keys(tmp_path: Path, host: str) -> None:
    assert load(tmp_path, f"profile: production\napi: {{host: '{host}'}}\n").api.host == host


@pytest.mark.parametrize("word", ["keys_file: keys.txt", f"key: {KEY}"])
def test_production_listens_anywhere_with_keys(tmp_path: Path, word: str) -> None:
    assert load(tmp_path, f"profile: production\napi: {{host: 0.0.0.0, {word}}}\n").api.host == "0.0.0.0"


def test_development_may_listen_anywhere(tmp_path: Path) -> None:
    assert load(tmp_path, "api: {host: 0.0.0.0, cors_origins: ['*']}\n").shows_docs


@pytest.mark.parametrize("path", sorted((REPOSITORY / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_every_configuration_of_the_repository_is_right(path: Path) -> None:
    assert load_settings(path, {}).state_dir == path.parent / "../state"
