"""``run.sh``: finds a Python, installs once, hands over. Its Python is a stand-in that writes down what it is asked."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from msray.cli.app import VERBS
from tests.commands import REPOSITORY

HANDED_OVER = ("demo", "api", "serve", "status", "backtest", "tune", "train", "dashboard", "phase6")
STAND_IN = """\
#!/bin/sh
case "$*" in
  *version_info*) exit {is_old} ;;
  *ensurepip*) exit {lacks_venv} ;;
  "-m venv"*) mkdir -p "$4/bin"; for p in python msray; do cp "$0" "$4/bin/$p"; done; echo >>"$4/made" ;;
  "-m compileall"*) ;;
  "-m pip --version") exit "${{NO_PIP:-0}}" ;;
  "-m pip config list") printf '%s' "${{PIP_SETTINGS-}}" ;;
  "-m pip list"*) cat "$CALLS.half" 2>/dev/null ;;
  "-m pip"*" pip") exit 1 ;;
  "-m pip"*" uv") exit "${{NO_UV:-0}}" ;;
  "-m uv"*)
    echo "$*" >>"$CALLS"
    [ -z "${{LEAVES_HALF-}}" ] || echo torch==2 >"$CALLS.half"
    env | grep -E '^(UV|SSL)_' >"$CALLS.told"
    exit "${{EXIT_OF_UV:-0}}" ;;
  "-m pip"*) echo "$*" >>"$CALLS"; exit "${{PIP_EXIT:-0}}" ;;
  *) echo "ran $(basename "$0") $* in $(pwd)" ;;
esac
"""


class Newcomer:
    """A clone with nothing in it but what ``run.sh`` reads, on a machine with one stand-in Python."""

    def __init__(self, folder: Path, *, is_old: bool = False, lacks_venv: bool = False) -> None:
        self.root, self.bin, self.calls = folder / "a clone", folder / "bin", folder / "calls"
        (self.root / "msray" / "cli").mkdir(parents=True)
        self.bin.mkdir()
        for name in ("run.sh", "pyproject.toml", "constraints.txt"):
            shutil.copy(REPOSITORY / name, self.root)
        (self.root / "msray" / "cli" / "app.py").write_text('VERBS = {\n    "demo": Verb("a", "b"),\n}\n')
        for name in ("bash", "cat", "cksum", "cp", "dirname", "env", "grep", "basename", "mkdir", "rm", "sh"):
            (self.bin / name).symlink_to(str(shutil.which(name)))
        self.add_python("python3", is_old=is_old, lacks_venv=lacks_venv)

    def add_python(self, name: str, *, is_old: bool = False, lacks_venv: bool = False) -> None:
        (self.bin / name).write_text(STAND_IN.format(is_old=int(is_old), lacks_venv=int(lacks_venv)))
        (self.bin / name).chmod(0o755)

    def run(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {"PATH": str(self.bin), "CALLS": str(self.calls)} | environment
        run_sh = str(self.root / "run.sh")
        return subprocess.run([run_sh, *words], env=env, cwd=self.bin, capture_output=True, text=True, check=False)

    @property
    def installations(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []

    @property
    def mark(self) -> Path:
        return self.root / ".venv.installing"

    @property
    def told_uv(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in Path(f"{self.calls}.told").read_text().splitlines())


@pytest.fixture
def newcomer(tmp_path: Path) -> Newcomer:
    return Newcomer(tmp_path)


@pytest.mark.parametrize("words", [("dmeo",), ("--dmeo",), ("",), ("--",)])
def test_an_unknown_verb_exits_2_and_installs_nothing(newcomer: Newcomer, words: tuple[str, ...]) -> None:
    done = newcomer.run(*words)

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert "unknown verb" in done.stderr
    assert newcomer.installations == []


@pytest.mark.parametrize("verb", HANDED_OVER)
@pytest.mark.parametrize("dashes", ["", "--"])
def test_a_verb_that_does_not_exist_yet_says_so_and_exits_2(newcomer: Newcomer, verb: str, dashes: str) -> None:
    (newcomer.root / "msray" / "cli" / "app.py").write_text("VERBS = {}\n")

    done = newcomer.run(dashes + verb)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"run.sh: '{verb}' does not exist yet\n"
    assert newcomer.installations == []


@pytest.mark.parametrize("verb", HANDED_OVER)
def test_it_knows_which_verbs_exist(verb: str) -> None:
    source = (REPOSITORY / "msray" / "cli" / "app.py").read_text()

    assert (f'\n    "{verb}": Verb(' in source) == (verb in VERBS)


def test_nothing_said_shows_the_verbs_and_exits_2(newcomer: Newcomer) -> None:
    assert newcomer.run().returncode == 2
    assert "demo" in newcomer.run().stderr
    assert newcomer.run("--help").returncode == 0


@pytest.mark.parametrize("verb", ["demo", "--demo"])
def test_the_first_start_installs_and_hands_its_arguments_over(newcomer: Newcomer, verb: str) -> None:
    done = newcomer.run(verb, "--seconds", "5 s")

    assert done.stdout == f"ran msray demo --seconds 5 s in {newcomer.bin}\n"
    assert len(newcomer.installations) == 1
    assert "-c " in newcomer.installations[0]
    assert newcomer.installations[0].endswith(f"-e {newcomer.root}[ray,research]")


def test_the_second_start_installs_nothing(newcomer: Newcomer) -> None:
    newcomer.run("demo")

    done = newcomer.run("demo")

    assert (done.returncode, done.stderr) == (0, "")
    assert len(newcomer.installations) == 1


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_a_change_of_what_is_needed_installs_again(newcomer: Newcomer, name: str) -> None:
    newcomer.run("setup")

    with (newcomer.root / name).open("a") as file:
        file.write("# more\n")
    newcomer.run("setup")

    assert len(newcomer.installations) == 2


def test_a_clone_that_was_moved_installs_again(newcomer: Newcomer) -> None:
    newcomer.run("setup")

    newcomer.root = newcomer.root.rename(newcomer.root.with_name("moved"))
    newcomer.run("setup")

    assert len(newcomer.installations) == 2


def test_training_installs_networks_and_that_serves_the_rest(newcomer: Newcomer) -> None:
    app = newcomer.root / "msray" / "cli" / "app.py"
    app.write_text(app.read_text().replace("}", '    "train": Verb("a", "b"),\n}'))

    newcomer.run("demo")
    done = newcomer.run("--train", "rb.parquet")
    newcomer.run("demo")

    assert done.stdout == f"ran msray train rb.parquet in {newcomer.bin}\n"
    assert [one.rpartition("[")[2] for one in newcomer.installations] == ["ray,research]", "ray,research,models]"]


def test_tests_install_more_and_that_serves_the_rest(newcomer: Newcomer) -> None:
    done = newcomer.run("test")
    newcomer.run("demo")

    assert done.stdout == f"ran python -m pytest -q -m not slow -n 2 in {newcomer.root}\n"
    assert len(newcomer.installations) == 1
    assert newcomer.installations[0].endswith("[ray,research,models,dev,postgres,fast,zstd]")


def test_arguments_of_test_go_to_pytest(newcomer: Newcomer) -> None:
    assert "-m pytest -k book in" in newcomer.run("--test", "-k", "book").stdout


def test_a_failed_installation_is_tried_again(newcomer: Newcomer) -> None:
    done = newcomer.run("setup", EXIT_OF_UV="1", PIP_EXIT="1")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("run.sh: installation failed")
    assert newcomer.run("setup").returncode == 0
    assert len(newcomer.installations) == 3


def test_what_was_cut_short_is_begun_anew(newcomer: Newcomer) -> None:
    newcomer.run("setup")
    newcomer.mark.write_text("99999999\n")

    assert newcomer.run("test").returncode == 0
    assert (newcomer.root / ".venv" / "made").read_text() == "\n\n"
    assert not newcomer.mark.exists()


def test_what_could_not_be_installed_leaves_the_environment_that_there_was(newcomer: Newcomer) -> None:
    newcomer.run("setup")

    assert newcomer.run("test", EXIT_OF_UV="1", PIP_EXIT="1").returncode == 1
    assert newcomer.run("test").returncode == 0
    assert (newcomer.root / ".venv" / "made").read_text() == "\n"


def test_what_failed_half_done_is_begun_anew(newcomer: Newcomer) -> None:
    newcomer.run("setup")

    assert newcomer.run("test", EXIT_OF_UV="1", LEAVES_HALF="1", PIP_EXIT="1").returncode == 1
    assert newcomer.run("test").returncode == 0
    assert (newcomer.root / ".venv" / "made").read_text() == "\n\n"


def test_where_more_could_not_be_installed_what_was_there_is_installed_anew(newcomer: Newcomer) -> None:
    newcomer.run("setup")
    newcomer.run("test", EXIT_OF_UV="1", PIP_EXIT="1")

    newcomer.run("setup")

    assert newcomer.installations[-1].endswith("[ray,research]")
    assert len(newcomer.installations) == 4


def test_what_is_installing_is_left_alone(newcomer: Newcomer) -> None:
    newcomer.mark.write_text(f"{os.getpid()}\n")

    done = newcomer.run("setup")

    assert done.returncode == 1
    assert done.stderr.startswith(f"run.sh: process {os.getpid()} is installing into ")
    assert newcomer.installations == []


@pytest.mark.parametrize(
    "without", [{"NO_UV": "1"}, {"EXIT_OF_UV": "1"}, {"PIP_SETTINGS": "global.proxy='http://p:1'\n"}]
)
def test_pip_installs_where_uv_cannot(newcomer: Newcomer, without: dict[str, str]) -> None:
    done = newcomer.run("setup", **without)

    assert done.returncode == 0
    assert newcomer.installations[-1].startswith("-m pip install")
    assert newcomer.installations[-1].endswith(f"-e {newcomer.root}[ray,research]")


def test_uv_is_told_what_pip_knows(newcomer: Newcomer) -> None:
    """A variable overrides a section for one command, and that overrides the section for all, wherever they stand."""
    newcomer.run(
        "setup",
        PIP_SETTINGS=r""":env:.cert='/etc/ca.crt'
:env:.find-links='/b'
download.proxy='concerns another command'
global.cert='/overridden'
global.disable-pip-version-check='1'
global.no-cache-dir='true'
global.extra-index-url='\nfile:///one\nfile:///two=2'
global.index-url='overridden'
install.index-url='https://me@mirror/simple'
install.trusted-host='mirror'
""",
    )

    assert newcomer.told_uv == {
        "SSL_CERT_FILE": "/etc/ca.crt",
        "UV_FIND_LINKS": "/b",
        "UV_INDEX": "file:///one file:///two=2",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_DEFAULT_INDEX": "https://me@mirror/simple",
        "UV_INSECURE_HOST": "mirror",
        "UV_NO_CACHE": "1",
    }


def test_an_environment_without_a_pip_is_made_anew(newcomer: Newcomer) -> None:
    newcomer.run("setup")

    assert newcomer.run("test", NO_PIP="1").returncode == 0
    assert (newcomer.root / ".venv" / "made").read_text() == "\n\n"


def test_no_python_is_one_clear_line(tmp_path: Path) -> None:
    done = Newcomer(tmp_path, is_old=True).run("demo")

    assert done.returncode == 1
    assert done.stderr.startswith("run.sh: found no Python 3.11 or newer")
    assert len(done.stderr.splitlines()) == 1


def test_a_python_without_venv_is_one_clear_line(tmp_path: Path) -> None:
    done = Newcomer(tmp_path, lacks_venv=True).run("demo")

    assert done.returncode == 1
    assert done.stderr.startswith("run.sh: python3 has no venv module")
    assert len(done.stderr.splitlines()) == 1


def test_another_python_serves_where_the_first_cannot(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path, lacks_venv=True)
    newcomer.add_python("python3.12")

    assert newcomer.run("demo").returncode == 0


def test_python_names_the_one_to_take(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path, is_old=True)
    newcomer.add_python("mine")

    assert newcomer.run("demo", PYTHON=os.fspath(newcomer.bin / "mine")).returncode == 0


@pytest.mark.parametrize("verb", ["inference", "--inference"])
def test_inference_is_the_serving_of_models(newcomer: Newcomer, verb: str) -> None:
    (newcomer.root / "msray" / "cli" / "app.py").write_text('VERBS = {\n    "serve": Verb("a", "b"),\n}\n')

    done = newcomer.run(verb, "--model", "gru")

    assert done.stdout == f"ran msray serve --model gru in {newcomer.bin}\n"
    assert newcomer.installations[0].endswith("[ray,research,models]")
