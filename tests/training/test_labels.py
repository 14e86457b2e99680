"""Labels for training: within a stretch, with thresholds from what is learned from alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from msray.errors import UsageError
from msray.labels import next_mean_over_mid
from msray.models.classes import NO_LABEL
from msray.training.config import LabelConfig
from msray.training.labels import changes, classes, fit_thresholds
from msray.training.parts import by_share, purged
from tests.training.made import CONFIG, some_rows


def test_a_stretch_is_labelled_as_if_it_were_alone() -> None:
    rows = some_rows(30, starts=(0, 12))

    found = changes(rows, CONFIG)

    alone = next_mean_over_mid(rows.mid[12:], 5, threshold_pct=0.0)
    np.testing.assert_array_equal(found.change[12 + alone.row, 1], alone.change)
    assert np.isnan(found.change[7:12, 1]).all()
    assert np.isnan(found.change[25:, 1]).all()


def test_thresholds_see_only_what_is_learned_from() -> None:
    rows = some_rows(200, starts=(0,))
    expected = fit_thresholds(changes(rows, CONFIG), 0, 100, CONFIG)

    rows.mid[100:] *= 3

    assert fit_thresholds(changes(rows, CONFIG), 0, 100, CONFIG) == expected


def test_a_third_is_flat() -> None:
    rows = some_rows(5_000, starts=(0,))
    found = changes(rows, CONFIG)

    made = classes(found, fit_thresholds(found, 0, 5_000, CONFIG))

    shares = [np.mean(column[column != NO_LABEL] == 1) for column in made.T]
    assert shares == pytest.approx([1 / 3, 1 / 3], abs=0.02)


@given(cut=st.integers(1, 59), embargo=st.integers(0, 70))
def test_a_label_that_looks_behind_its_part_is_dropped(cut: int, embargo: int) -> None:
    rows = some_rows(60, starts=(0, 33))
    found = changes(rows, CONFIG)
    labels = classes(found, (0.0, 0.0))

    kept = purged(labels, found, (0, cut), embargo=embargo)

    for row, column in np.ndindex(kept.shape):
        is_kept = embargo <= row < cut and found.end_row[row, column] < cut
        assert kept[row, column] == (labels[row, column] if is_kept else NO_LABEL)


@pytest.mark.parametrize("shares", [(0.5, 0.5, 0.1), (1.0, 0.0, 0.0), (0.5, 0.6, -0.1)])
def test_shares_that_are_none_are_refused(shares: tuple[float, float, float]) -> None:
    with pytest.raises(UsageError, match="shares"):
        by_share(100, shares)


@pytest.mark.parametrize("words", [{"horizons": (5, 2)}, {"horizons": ()}, {"smoothing": 11}, {"threshold_pct": 0.5}])
def test_words_out_of_range_are_refused(words: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LabelConfig.model_validate(words)


def test_too_few_rows_are_refused() -> None:
    rows = some_rows(4, starts=(0,))

    with pytest.raises(UsageError, match="more than the horizon, 5"):
        fit_thresholds(changes(rows, CONFIG), 0, 4, CONFIG)
