"""What any test may ask for: the recordings, a PostgreSQL; and the same choices of hypothesis wherever it runs."""

import functools
import gc
import os
import re
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from tests.store.postgres import WHY_NOT, PostgresServer

REPOSITORY = Path(__file__).parents[1]
ALL = "*"

settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, max_examples=50)  # always the same ones
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real recordings: ``MSRAY_DATA``, else ``../shared/data`` beside the repository."""
    folder = Path(os.environ.get("MSRAY_DATA") or REPOSITORY.parent / "shared" / "data")
    if not folder.is_dir():
        pytest.skip(f"recordings not found at {folder}; MSRAY_DATA names their folder")
    return folder


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests; each makes a database of its own in it."""
    if WHY_NOT:
        pytest.skip(WHY_NOT)
    server = PostgresServer()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def ray_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A cluster of two CPUs that tests share: to start one each time takes longer than most of their work."""
    from tests.on_ray.programs import cluster

    with cluster(tmp_path_factory.mktemp("cluster")) as address:
        yield address


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """With ``MSRAY_REQUIRE_DATA``, skipping a test that asks for the recordings is a failure."""
    report = yield
    asks_for_data = "data_dir" in getattr(item, "fixturenames", ())
    if report.skipped and asks_for_data and os.environ.get("MSRAY_REQUIRE_DATA") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, but MSRAY_REQUIRE_DATA is set: {report.longrepr}"
    return report


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """With ``-n``, files run side by side, but never two tests with clusters; a test whose process died has failed."""
    return _FilesButClusters(config, log)


class _FilesButClusters(LoadScopeScheduling):
    def __init__(self, config: pytest.Config, log: Any) -> None:
        config.option.loadscopereorder = False  # clusters come first: nothing else takes as long
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        return "clusters" if _starts_one(REPOSITORY / file, test) else file

    def remove_node(self, node: Any) -> str | None:
        # As it comes, the test that ended a process would be given to the next one too, and end that as well; and files
        # that are done would be handed out again: a process that gets one has nothing to do, and is never told to end.
        units = self.assigned_work[node]
        died = next(((unit, name) for unit in units.values() for name, is_done in unit.items() if not is_done), None)
        if died is not None:
            died[0][died[1]] = True
        for scope in [scope for scope, unit in units.items() if all(unit.values())]:
            del units[scope]
        super().remove_node(node)
        return died and died[1]


def _starts_one(file: Path, test: str) -> bool:
    """Whether a test starts a cluster, as far as the text of its file says so: xdist knows no marks."""
    return not {ALL, test.partition("[")[0]}.isdisjoint(_clusters_of(file))


@functools.cache
def _clusters_of(file: Path) -> frozenset[str]:
    """The tests of a file with the mark ``ray``, by name; ``ALL`` where it is on the whole file."""
    text = file.read_text(encoding="utf-8")
    if re.search(r"^pytestmark = .*mark\.ray\b", text, re.MULTILINE):
        return frozenset({ALL})
    return frozenset(re.findall(r"^@pytest\.mark\.ray\n(?:[@ )].*\n)*(?:async )?def (\w+)", text, re.MULTILINE))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine cannot run, and say why; what starts a cluster comes first, then what shares one.

    The shared one comes last of all clusters: to stand about would cost time too.
    """
    items.sort(
        key=lambda item: (item.get_closest_marker("ray") is None, "ray_address" in getattr(item, "fixturenames", ()))
    )
    for item in items:
        if item.get_closest_marker("ray") and not _starts_one(item.path, item.nodeid.partition("::")[2]):
            raise pytest.UsageError(f"{item.nodeid}: its mark must be a line @pytest.mark.ray, or pytestmark = ...")
    skip = {}
    if shutil.which("nvidia-smi") is None:
        skip["gpu"] = pytest.mark.skip(reason="no NVIDIA GPU here")
    if not os.environ.get("MSRAY_NETWORK"):
        skip["network"] = pytest.mark.skip(reason="needs the internet; MSRAY_NETWORK=1 runs it")
    if not os.environ.get("MSRAY_LONG"):
        skip["long"] = pytest.mark.skip(reason="takes a minute or more; MSRAY_LONG=1 runs it")
    for item in items:
        for name, mark in skip.items():
            if item.get_closest_marker(name):
                item.add_marker(mark)


def pytest_collection_finish() -> None:
    """What is loaded now stays to the end: not to look through it for garbage again and again saves a fiftieth.

    Loaded, not computed: a kernel that runs as a file of tests is read is compiled by each process that reads it.
    """
    gc.freeze()
