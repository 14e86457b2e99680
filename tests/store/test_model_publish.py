"""From a training into the registry: what was judged is what is served."""

import dataclasses
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from msray.store.model_files import Model
from msray.store.model_publish import packages_of, publish
from msray.store.model_record import Member
from msray.store.registry import Registry
from msray.store.sealed import ModelRefusedError
from tests.training.made import a_report

NOW_NS = 1_723_161_256_000_000_000


def served(model: Model, member: Member, rows: np.ndarray) -> np.ndarray:
    """Scores of a stretch of rows, as ONNX Runtime gives them live: row by row, or window by window."""
    session = onnxruntime.InferenceSession(model.onnx[member.name], providers=["CPUExecutionProvider"])
    scores = np.full((len(rows), 2, 3), np.nan, np.float32)
    if member.is_stepped:
        memory = {name: np.zeros((1, *shape[1:]), np.float32) for name, shape in member.inputs.items() if name != "row"}
        for at, row in enumerate(rows):
            found, *after = session.run(None, {"row": row[None], **memory})
            scores[at], memory = found[0], dict(zip(memory, after, strict=True))
        return scores
    window = member.inputs["rows"][1]
    assert window is not None
    for at in range(window - 1, len(rows)):
        scores[at] = session.run(None, {"rows": rows[None, at - window + 1 : at + 1]})[0][0, 0]
    return scores


def test_what_is_served_is_what_was_judged(tmp_path: Path) -> None:
    report, registry = a_report(), Registry(tmp_path)
    records = publish(registry, packages_of(report, name="pair"), now_ns=NOW_NS)

    model = registry.load("pair", 1)

    assert {name: f"{one.name}:{one.version}" for name, one in records.items()} == {
        "gru": "pair-gru:1",
        "lstm": "pair-lstm:1",
        "ensemble": "pair:1",
    }
    begin, end = report.problem.parts.test
    first = report.problem.rows.starts[-1]
    rows = report.problem.rows.values[first:end]
    scores = {one.name: served(model, one, rows)[begin - first :] for one in model.record.members}
    said = report.selection.said["ensemble"]
    spoken = model.record.mixture.say(scores)
    np.testing.assert_allclose(spoken.chances, said.chances, atol=1e-5)
    assert (spoken.classes == said.classes).mean() > 0.999
    assert [(one.name, one.seeds) for one in model.record.members] == [("gru", (0, 1)), ("lstm", (0,))]
    assert model.record.figure_at(2).macro_f1 == report.selection.report.of("ensemble")[0].macro_f1


def test_without_a_name_each_has_its_own(tmp_path: Path) -> None:
    publish(Registry(tmp_path), packages_of(a_report(), name=None), now_ns=NOW_NS)
    records = publish(Registry(tmp_path), packages_of(a_report(), name=None), now_ns=NOW_NS)

    assert Registry(tmp_path).names() == ["ensemble", "gru", "lstm"]
    assert {one.version for one in records.values()} == {2}
    assert records["lstm"].mixture == a_report().selection.mixtures["lstm"]


def test_where_one_would_be_refused_none_is_published(tmp_path: Path) -> None:
    packages = packages_of(a_report(), name=None)
    name, package = packages["ensemble"]
    packages["ensemble"] = name, dataclasses.replace(package, words={**package.words, "horizons": []})

    with pytest.raises(ModelRefusedError):
        publish(Registry(tmp_path), packages, now_ns=NOW_NS)

    assert Registry(tmp_path).names() == []
