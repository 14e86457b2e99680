"""What is exposed is what is declared, added up right over processes."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from msray.errors import UsageError
from msray.telemetry.families import (
    BOOK_STATE,
    COMMIT,
    FAMILIES,
    GAPS,
    HTTP_SECONDS,
    SIGNAL_PROCESSING,
    Family,
)
from msray.telemetry.metrics import Figures, exposition


def _samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, tuple(sorted(sample.labels.values()))] = sample.value
    return found


def test_the_promised_names_and_labels_are_declared() -> None:
    declared = {family.name: family.labels for family in FAMILIES}

    promised = {
        "microstructure_signals_total": {"signal_type", "symbol"},
        "microstructure_alerts_sent_total": {"channel", "status"},
        "microstructure_active_signals": {"signal_type"},
        "microstructure_detection_score": {"symbol", "signal_type"},
        "microstructure_signal_processing_seconds": set(),
        "microstructure_alert_latency_seconds": {"channel"},
    }
    assert {name: set(declared[name]) for name in promised} == promised
    assert len(declared) == len(FAMILIES)


def test_every_family_is_exposed_before_anything_happens() -> None:
    text = exposition([])

    for family in FAMILIES:
        assert f"# TYPE {family.name} {family.kind}\n" in text
    found = _samples(text)
    assert found[f"{SIGNAL_PROCESSING.name}_count", ()] == 0
    assert not any(name.startswith("microstructure_alert") for name, _ in found)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_names_keep_the_conventions(family: Family) -> None:
    assert family.name.startswith("microstructure_")
    assert family.name.endswith("_total") == (family.kind == "counter")
    assert list(family.buckets) == sorted(set(family.buckets))
    assert bool(family.buckets) == (family.kind == "histogram")


def test_counters_and_histograms_add_up_and_gauges_do_not() -> None:
    one, two = Figures(), Figures()
    for figures, times in ((one, 2), (two, 3)):
        figures.add(GAPS, "a:B", by=times)
        figures.set(BOOK_STATE, "a:B", "synced", value=times)
        for _ in range(times):
            figures.observe(COMMIT, value=0.002)

    found = _samples(exposition([one.sample(), two.sample()]))

    assert found[GAPS.name, ("a:B",)] == 5
    assert found[BOOK_STATE.name, ("a:B", "synced")] == 3
    assert found[f"{COMMIT.name}_count", ()] == 5
    assert found[f"{COMMIT.name}_sum", ()] == pytest.approx(0.01)


@given(st.lists(st.floats(0, 20), max_size=30))
def test_buckets_count_what_is_at_most_their_bound(values: list[float]) -> None:
    figures = Figures()
    for value in values:
        figures.observe(HTTP_SECONDS, "/health", value=value)

    found = _samples(exposition([figures.sample()]))

    for bound in HTTP_SECONDS.buckets if values else ():
        assert found[f"{HTTP_SECONDS.name}_bucket", tuple(sorted(("/health", repr(bound))))] == sum(
            value <= bound for value in values
        )


def test_a_sample_is_a_copy() -> None:
    figures = Figures()
    figures.add(GAPS, "a:B")
    sample = figures.sample()

    figures.add(GAPS, "a:B")

    assert sample == {GAPS.name: {("a:B",): (1.0,)}}


def test_a_family_is_used_as_declared() -> None:
    figures = Figures()

    with pytest.raises(UsageError, match="must be used as a counter with labels"):
        figures.set(GAPS, "a:B", value=1)
    with pytest.raises(UsageError):
        figures.add(GAPS)
    with pytest.raises(UsageError):
        figures.observe(GAPS, "a:B", value=1)


def test_label_values_are_escaped() -> None:
    figures = Figures()
    figures.add(GAPS, 'a"\n\\b')

    assert _samples(exposition([figures.sample()]))[GAPS.name, ('a"\n\\b',)] == 1


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say() -> None:
    figures = Figures()
    figures.add(GAPS, "a:B")

    checked = subprocess.run(
        ["promtool", "check", "metrics"],
        input=exposition([figures.sample()]),
        text=True,
        capture_output=True,
        timeout=20,
    )

    assert (checked.returncode, checked.stderr) == (0, "")
