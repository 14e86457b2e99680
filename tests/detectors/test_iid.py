"""Tables for independent values."""

import math

import pytest

from msray.detectors.arl import two_sided_arl
from msray.detectors.iid import (
    ENSEMBLE,
    FOCUS,
    FOCUS_KNOWN_MEAN,
    IID_LINES,
    PAGE_HINKLEY,
    Table,
    arl0_at,
    threshold_at,
)

TABLES = {"page_hinkley": PAGE_HINKLEY, "focus": FOCUS, "focus_known": FOCUS_KNOWN_MEAN, "ensemble": ENSEMBLE}


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("arl0", [10.0, 370.0, 3_600.0, 1e6, 1e9])
def test_threshold_and_run_length_are_inverse(table: Table, arl0: float) -> None:
    assert arl0_at(table, threshold_at(table, arl0)) == pytest.approx(arl0, rel=1e-9)
    assert threshold_at(table, arl0) > 0.0


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_tables_rise(table: Table) -> None:
    assert list(table) == sorted(table)
    assert [length for _, length in table] == sorted(length for _, length in table)


def test_focus_agrees_with_the_reference() -> None:
    """Measured elsewhere with 150 to 300 runs a height, standard error 5 to 8 %."""
    unknown = {6: 482, 7: 1058, 8: 2774, 9: 7164, 10: 18_200, 11: 48_300}
    known = {6: 476, 7: 1029, 8: 2764, 9: 7094, 10: 18_800, 11: 49_800}

    assert {h: arl0_at(FOCUS, h) for h in unknown} == pytest.approx(unknown, rel=0.25)
    assert {h: arl0_at(FOCUS_KNOWN_MEAN, h) for h in known} == pytest.approx(known, rel=0.25)


@pytest.mark.parametrize("arl0", [1_000.0, 30_000.0])
def test_evidence_of_independent_values_is_the_log_run_length(arl0: float) -> None:
    lengths = (lambda h: two_sided_arl(k=0.5, h=h), lambda h: arl0_at(PAGE_HINKLEY, h), lambda h: arl0_at(FOCUS, h))

    for (a, b), length in zip(IID_LINES, lengths, strict=True):
        assert length((math.log(arl0) - a) / b) == pytest.approx(arl0, rel=0.01)
