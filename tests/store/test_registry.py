"""The registry: what goes in comes out, nothing is half there, nothing damaged is served."""

import dataclasses
import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

import msray.store.registry as place_of_steps
from msray.errors import UnavailableError, UnknownNameError, UsageError
from msray.models.network import StepNetwork
from msray.store.model_files import Package
from msray.store.model_package import pack, restored
from msray.store.registry import Registry
from msray.store.sealed import ModelRefusedError, seal
from msray.training.config import TrainingConfig
from tests.commands import REPOSITORY
from tests.disks import refusing
from tests.store.made_models import (
    INSTRUMENTS,
    NAMES,
    NOW_NS,
    SETS,
    SMALL,
    a_member,
    a_mixture,
    a_package,
    a_registry,
    an_ensemble,
    packed,
    the_problem,
    the_report,
)

FILES = ("model.json", "gru.onnx", "gru.safetensors")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three versions, to be copied."""
    return a_registry(tmp_path_factory.mktemp("registry")).folder


@pytest.fixture
def registry(three: Path, tmp_path: Path) -> Registry:
    return Registry(Path(shutil.copytree(three, tmp_path / "models")))


def resealed(registry: Registry, change: Callable[[dict[str, Any]], None], version: int = 1) -> None:
    """A record that says something else, and is whole."""
    file = registry.folder / "gru" / str(version) / "model.json"
    tree = json.loads(file.read_bytes())
    del tree["digest"]
    change(tree)
    file.write_bytes(seal(tree))


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("name", SMALL)
def test_what_comes_out_answers_as_what_went_in(name: str, seeds: int, tmp_path: Path) -> None:
    registry, member = Registry(tmp_path), a_member(name, seeds=seeds)
    registry.publish("one", packed(member), now_ns=NOW_NS)

    model = registry.load("one", 1)

    network, (record,) = restored(model, name), model.record.members
    for (key, mine), (other, theirs) in zip(
        member.network.state_dict().items(), network.state_dict().items(), strict=True
    ):
        assert key == other
        assert torch.equal(mine, theirs)
    session = onnxruntime.InferenceSession(model.onnx[name], providers=["CPUExecutionProvider"])
    assert model.onnx[name] == packed(member).files[f"{name}.onnx"]
    shapes = {key: [3, *shape[1:]] for key, shape in record.inputs.items()}
    fed = {key: np.zeros(shape, np.float32) for key, shape in shapes.items()}
    first = next(iter(fed))
    fed[first] = np.random.default_rng(0).normal(size=shapes[first]).astype(np.float32)
    answer = session.run(["scores"], fed)[0]
    with torch.no_grad():
        rows = torch.from_numpy(fed[first])
        expected = network.step(rows, *network.start(3))[0] if isinstance(network, StepNetwork) else network(rows)
    np.testing.assert_allclose(answer, expected.numpy(), rtol=0, atol=1e-6)
    assert answer.shape[-2:] == record.outputs["scores"][-2:]
    assert record.is_stepped == isinstance(network, StepNetwork)


def test_a_record_holds_all_that_is_known(registry: Registry) -> None:
    problem, report, trained = the_problem(), the_report(), a_member()

    record = registry.record("gru", 2)

    assert (record.name, record.version, record.made_ns) == ("gru", 2, NOW_NS + 1)
    (member,) = record.members
    assert (member.name, member.network, member.network_config, member.seeds) == ("gru", "gru", trained.config, (7,))
    assert TrainingConfig.model_validate(member.training) == trained.training
    assert (record.features, record.label_config) == (NAMES, problem.config)
    assert (record.horizons, record.thresholds) == (problem.config.horizons, problem.thresholds)
    assert (record.mixture, record.sets) == (a_mixture("gru"), SETS)
    assert record.data.instruments == INSTRUMENTS
    assert (record.data.train.rows, record.data.test.rows if record.data.test else 0) == (720, 240)
    assert set(record.versions) == {"msray", "torch"}
    for one in report.figures:
        kept = next(other for other in record.figures if (other.name, other.horizon) == (one.name, one.horizon))
        assert (kept.macro_f1, kept.macro_f1_low, kept.macro_f1_high) == (
            one.macro_f1,
            one.macro_f1_low,
            one.macro_f1_high,
        )
        assert kept.ece == (None if one.is_floor else one.ece)
    best = record.floors_at(5)[0]
    assert record.lead_at(5).macro_f1 == pytest.approx(record.figure_at(5).macro_f1 - best.macro_f1)


def test_a_version_has_three_files_and_is_never_written_over(registry: Registry) -> None:
    folder = registry.folder / "gru"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    record = registry.publish("gru", a_package("gru", 1), now_ns=NOW_NS)

    assert record.version == 4
    assert sorted(path.name for path in folder.iterdir()) == ["1", "2", "3", "4"]
    assert sorted(path.name for path in (folder / "4").iterdir()) == sorted(FILES)
    assert {path: path.read_bytes() for path in before} == before
    assert registry.record("gru", 1).digest != registry.record("gru", 2).digest


def test_an_ensemble_has_two_files_a_member_and_one_record(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.publish("many", an_ensemble(), now_ns=NOW_NS)

    model = registry.load("many", 1)

    members = {one.name: one for one in model.record.members}
    names = ("gru", "local_attention", "bin_ctabl")
    assert (tuple(members), tuple(model.onnx), tuple(model.weights)) == (names,) * 3
    assert [one.is_stepped for one in members.values()] == [True, True, False]
    assert [one.seeds for one in members.values()] == [(7, 8, 9), (7,), (7, 8)]
    assert list(members["gru"].inputs) == ["row", "memory_0", "memory_1", "memory_2"]
    assert model.record.mixture == a_mixture(*names)
    assert len(list((tmp_path / "many" / "1").iterdir())) == 1 + 2 * 3
    with pytest.raises(UnknownNameError, match="unknown member 'gur'"):
        restored(model, "gur")


def test_a_byte_of_any_member_is_missed(tmp_path: Path) -> None:
    registry = Registry(tmp_path)
    registry.publish("many", an_ensemble(), now_ns=NOW_NS)
    file = tmp_path / "many" / "1" / "bin_ctabl.safetensors"
    file.write_bytes(file.read_bytes()[:-1])

    with pytest.raises(ModelRefusedError, match=r"many/1/bin_ctabl\.safetensors must have sha256"):
        registry.load("many", 1)


def test_the_newest_is_the_highest_number(tmp_path: Path) -> None:
    registry = a_registry(tmp_path, 11)

    assert registry.resolve("gru") == ("gru", 11)
    assert registry.versions("gru") == list(range(1, 12))


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("place", [0, 100, 0.5, -1])
def test_a_flipped_byte_is_refused_by_name(file: str, place: float, registry: Registry) -> None:
    path = registry.folder / "gru" / "1" / file
    data = bytearray(path.read_bytes())
    data[int(len(data) * place) if isinstance(place, float) else place] ^= 1
    path.write_bytes(data)

    with pytest.raises(ModelRefusedError, match=f"gru/1/{file}"):
        registry.load("gru", 1)
    assert registry.load("gru", 2).record.version == 2


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("length", [0, 100, None])
def test_what_is_short_or_missing_is_refused_by_name(file: str, length: int | None, registry: Registry) -> None:
    path = registry.folder / "gru" / "1" / file
    data = path.read_bytes()
    path.unlink()
    if length is not None:
        path.write_bytes(data[:length])

    with pytest.raises(ModelRefusedError, match=f"gru/1/{file}"):
        registry.load("gru", 1)


def _put(**said: Any) -> Callable[[dict[str, Any]], None]:
    return lambda tree: tree.update(said)


def _put_in_member(**said: Any) -> Callable[[dict[str, Any]], None]:
    return lambda tree: tree["members"][0].update(said)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_put(schema="msray.model/1"), "must be a document of schema msray.model/2, got 'msray.model/1'"),
        (_put(feature_schema="0" * 64), "feature_schema must be [1-9a-f].*, got 0000"),
        (_put(features=["imbalance_l1", "spread_bps", "imbalance_l5", "imbalance_l10"]), "feature_schema must be"),
        (_put(features=["imbalance_l1", "no_such"]), "unknown feature 'no_such'"),
        (_put_in_member(network="gur"), "unknown model 'gur'"),
        (_put_in_member(config={"features": 5, "horizons": 2}), "gru: config.features must be 4, got 5"),
        (_put_in_member(config={"features": 4, "horizons": 2, "cells": 0}), "cells: Input should be"),
        (_put_in_member(temperature=[1.0]), "gru: temperature must be 2, got 1"),
        (_put_in_member(seeds=[]), "members.0.seeds"),
        (_put_in_member(name="../gru"), "members.0.name: String should match"),
        (_put_in_member(name="other"), r"/other\.onnx is missing"),
        (_put(members=[]), "members: Tuple should have at least 1 item"),
        (lambda tree: tree.update(members=tree["members"] * 2), "members must differ in their names, got gru, gru"),
        (_put(weights=[[0.5], [1.0]]), "weights must be 0 or more, and 1 in all"),
        (_put(weights=[[1.0]]), r"weights must be \[1, 1\], got \[1\]"),
        (_put(weights=[[0.5, 0.5], [1.0, 0.0]]), r"weights must be \[1, 1\], got \[2, 2\]"),
        (_put(thresholds=[0.1]), "thresholds must be 2, got 1"),
        (_put_in_member(inputs={"row": [None, 5]}), r"row must be of shape \(None, 4\), got \(None, 5\)"),
        (_put_in_member(inputs={"row": [None, 4]}), r"must take \{'row': \(None, 4\)\}, got"),
        (_put_in_member(outputs={"scores": [None, 2, 3]}), "must give"),
        (_put(name="other"), "must be of gru:1, got other:1"),
        (_put(version=2), "must be of gru:1, got gru:2"),
        (_put(surprise=1), "surprise: Extra inputs"),
        (_put(figures=[]), "figures"),
        (_put(leads=[]), "leads must be over each floor, got 0 over 10"),
        (lambda tree: tree.update(figures=[one for one in tree["figures"] if not one["is_floor"]]), "got none"),
        (lambda tree: tree.pop("tempering"), "tempering: Field required"),
    ],
)
def test_what_is_foreign_or_does_not_fit_is_refused(
    change: Callable[[dict[str, Any]], None], says: str, registry: Registry
) -> None:
    resealed(registry, change)

    with pytest.raises(ModelRefusedError, match=f"gru/1.*{says}"):
        registry.load("gru", 1)


def test_an_onnx_file_that_this_runtime_cannot_open_is_refused() -> None:
    from msray.store.model_onnx import interface_of

    with pytest.raises(ModelRefusedError, match=r"x\.onnx cannot be opened by ONNX Runtime"):
        interface_of(b"not one", Path("x.onnx"))


def test_what_would_be_refused_does_not_come_in(tmp_path: Path) -> None:
    registry, good = Registry(tmp_path), a_package()
    bad = dataclasses.replace(good, files={**good.files, "gru.onnx": a_package("gru", 1).files["gru.onnx"]})

    with pytest.raises(ModelRefusedError, match=r"one/1/gru\.onnx must have sha256"):
        registry.publish("one", bad, now_ns=NOW_NS)

    assert registry.names() == []
    assert list((tmp_path / "one").iterdir()) == []


STEPS = ("write_new", "sync_folder", "checked_model")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_kill_at_any_step_leaves_nothing_half(
    step: str, after: int, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, real = 0, getattr(place_of_steps, step)

    def killed(*words: Any) -> Any:
        nonlocal done
        if done == after:
            raise KeyboardInterrupt
        done += 1
        return real(*words)

    monkeypatch.setattr(place_of_steps, step, killed)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)  # who is killed tidies nothing up
    if after < {"write_new": 3, "sync_folder": 3, "checked_model": 1}[step]:
        with pytest.raises(KeyboardInterrupt):
            registry.publish("gru", a_package(), now_ns=NOW_NS)
    monkeypatch.undo()

    for version in registry.versions("gru"):
        assert registry.load("gru", version).record.version == version
    assert registry.publish("gru", a_package(), now_ns=NOW_NS).version == len(registry.versions("gru"))
    assert registry.names() == ["gru"]


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_full_disk_leaves_nothing(call: str, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os if call == "fsync" else Path, call, refusing(errno.ENOSPC))

    with pytest.raises(UnavailableError, match=r"cannot write .*: No space left"):
        registry.publish("gru", a_package(), now_ns=NOW_NS)

    assert sorted(path.name for path in (registry.folder / "gru").iterdir()) == ["1", "2", "3"]


def test_writers_side_by_side_each_get_a_version_of_their_own(tmp_path: Path) -> None:
    registry, got = Registry(tmp_path), []
    package = a_package()

    def write() -> None:
        got.extend(registry.publish("gru", package, now_ns=NOW_NS).version for _ in range(5))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert sorted(got) == list(range(1, 21))
    assert all(registry.load("gru", version) for version in registry.versions("gru"))


def test_two_processes_write_and_promote_without_harm(registry: Registry) -> None:
    source = registry.folder / "gru" / "1"
    code = (
        "import json, sys; from pathlib import Path; from msray.store.model_files import Package;"
        "from msray.store.registry import Registry;"
        "registry, source = Registry(Path(sys.argv[1])), Path(sys.argv[2]);"
        "words = json.loads((source / 'model.json').read_bytes());"
        "[words.pop(key) for key in ('schema', 'name', 'version', 'made_ns', 'digest')];"
        "files = {file: (source / file).read_bytes() for file in ('gru.onnx', 'gru.safetensors')};"
        "package = Package(words=words, files=files);"
        "[registry.promote('gru', registry.publish('gru', package, now_ns=1).version, now_ns=1) for _ in range(8)];"
        "assert 'torch' not in sys.modules"
    )
    command = [sys.executable, "-c", code, str(registry.folder), str(source)]
    writers = [subprocess.Popen(command, cwd=REPOSITORY) for _ in range(2)]

    assert [writer.wait(timeout=60) for writer in writers] == [0, 0]
    assert registry.versions("gru") == list(range(1, 20))
    assert sorted(step.version for step in registry.history("gru")) == list(range(4, 20))


def test_aliases_go_forward_and_back(registry: Registry) -> None:
    assert registry.current("gru") is None
    for version in (1, 2, 2, 3):
        registry.promote("gru", version, now_ns=version)
    registry.promote("gru", 3, alias="shadow", now_ns=9)

    assert [registry.rollback("gru", now_ns=10).version for _ in range(2)] == [2, 1]
    with pytest.raises(UsageError, match="gru@production must have stood for a version before 1, got none"):
        registry.rollback("gru", now_ns=11)
    registry.promote("gru", 3, now_ns=12)
    assert registry.load("gru").record.version == 3
    assert registry.rollback("gru", now_ns=13).version == 1

    assert registry.aliases("gru") == {"production": 1, "shadow": 3}
    assert [(one.did, one.version) for one in registry.history("gru") if one.alias == "production"] == [
        ("promote", 1),
        ("promote", 2),
        ("promote", 3),
        ("rollback", 2),
        ("rollback", 1),
        ("promote", 3),
        ("rollback", 1),
    ]
    assert registry.load("gru", "production").record.version == 1
    assert registry.resolve("gru@shadow") == ("gru", 3)


def test_what_is_damaged_is_not_promoted_and_not_rolled_back_to(registry: Registry) -> None:
    registry.promote("gru", 1, now_ns=1)
    registry.promote("gru", 2, now_ns=2)
    for version in (1, 3):
        (registry.folder / "gru" / str(version) / "gru.safetensors").write_bytes(b"")

    with pytest.raises(ModelRefusedError, match=r"gru/3/gru\.safetensors"):
        registry.promote("gru", 3, now_ns=3)
    with pytest.raises(ModelRefusedError, match=r"gru/1/gru\.safetensors"):
        registry.rollback("gru", now_ns=4)

    assert registry.load("gru").record.version == 2


def test_another_model_under_a_promoted_number_is_refused(registry: Registry) -> None:
    registry.promote("gru", 1, now_ns=1)
    resealed(registry, lambda tree: tree.update(made_ns=5))

    with pytest.raises(ModelRefusedError, match=r"gru/1/model\.json must have digest .* as it was promoted, got"):
        registry.load("gru")


def test_damaged_aliases_are_refused(registry: Registry) -> None:
    registry.promote("gru", 1, now_ns=1)
    file = registry.folder / "gru" / "aliases.json"
    file.write_bytes(file.read_bytes().replace(b"promote", b"promise"))

    for call in (registry.current, registry.load, registry.aliases):
        with pytest.raises(ModelRefusedError, match=r"gru/aliases\.json was changed"):
            call("gru")


def test_a_kill_while_promoting_leaves_what_was(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    registry.promote("gru", 1, now_ns=1)
    monkeypatch.setattr(Path, "replace", refusing(errno.EIO))

    with pytest.raises(UnavailableError, match="cannot write"):
        registry.promote("gru", 2, now_ns=2)

    step = registry.current("gru")
    assert step is not None
    assert step.version == 1
    assert not list((registry.folder / "gru").glob(".*"))


@pytest.mark.parametrize(
    ("call", "kind", "says", "hint"),
    [
        (lambda r: r.load("gur"), UnknownNameError, "unknown model 'gur'", "did you mean 'gru'?"),
        (lambda r: r.load("gru", 9), UnknownNameError, "unknown version of gru '9'", "known: 1, 2, 3"),
        (lambda r: r.load("gru", "live_prod"), UnknownNameError, "alias of gru 'live_prod'", "known: production"),
        (lambda r: r.resolve("gru:x"), UsageError, "version must be a whole number, got 'x'", "gru@ALIAS"),
        (lambda r: r.record("gru", True), UsageError, "version must be a whole number, got True", ""),
        (lambda r: r.promote("gru", 1, alias="3", now_ns=1), UsageError, "alias must be small letters", ""),
        (lambda r: r.publish("../x", a_package(), now_ns=1), UsageError, r"name must be .*, got '\.\./x'", ""),
        (lambda r: r.publish("x\n", a_package(), now_ns=1), UsageError, "name must be", ""),
        (lambda r: r.rollback("gru", alias="none", now_ns=1), UnknownNameError, "alias of gru 'none'", "production"),
    ],
)
def test_what_is_wrong_is_named(
    call: Callable[[Registry], object], kind: type[UsageError], says: str, hint: str, registry: Registry
) -> None:
    registry.promote("gru", 1, now_ns=1)

    with pytest.raises(kind, match=says) as caught:
        call(registry)

    assert hint in caught.value.hint


def test_a_report_about_something_else_is_refused() -> None:
    def made(**words: Any) -> Package:
        known = {"mixture": a_mixture("gru"), "report": the_report(), "judged_as": "guess"}
        return pack([a_member()], problem=the_problem(), instruments=INSTRUMENTS, **known | words)

    with pytest.raises(UnknownNameError, match="model of the report 'majority'"):
        made(judged_as="majority")
    with pytest.raises(UsageError, match="report must be about the labels of the problem"):
        made(report=dataclasses.replace(the_report(), thresholds=(0.5, 0.5)))
    with pytest.raises(UsageError, match="mixture must be of the members"):
        made(mixture=a_mixture("gur"))


def test_a_registry_that_is_not_there_is_empty(tmp_path: Path) -> None:
    registry = Registry(tmp_path / "none")

    assert registry.names() == []
    with pytest.raises(UnknownNameError, match="unknown model 'gru'"):
        registry.load("gru")


def test_a_folder_that_cannot_be_read_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    registry = Registry(tmp_path)
    monkeypatch.setattr(Path, "iterdir", away)

    for look in (registry.names, lambda: registry.versions("small")):
        with pytest.raises(UnavailableError, match=r"cannot read .*: Input/output error"):
            look()
