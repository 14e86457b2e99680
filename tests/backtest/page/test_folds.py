"""The diagram of folds shows the roles that a splitter gives."""

import re

import numpy as np
import pytest

from msray.backtest.page.folds import KINDS, MOST_FOLDS, fold_diagram
from msray.evaluation import CombinatorialPurgedCV, PurgedKFold, PurgedWalkForward, Role

SECOND = 1_000_000_000


def spans(count, lasts_s=30, every_s=10):
    begin = np.arange(count) * every_s * SECOND
    return np.column_stack([begin, begin + lasts_s * SECOND])


def bars(drawing):
    """(kind, x, width, y) of every bar."""
    found = re.findall(r'<rect class="(\w+)" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)"', drawing)
    return [(kind, float(x), float(width), float(y)) for kind, x, y, width in found]


@pytest.mark.parametrize("splitter", [PurgedKFold, PurgedWalkForward, CombinatorialPurgedCV])
def test_every_role_that_a_splitter_gives_is_drawn(splitter):
    made = splitter(spans(60))

    drawn = bars(fold_diagram(980.0, spans(60), made))

    given = {KINDS[Role(role)][0] for split in range(made.get_n_splits()) for role in made.roles(split).tolist()}
    assert {kind for kind, *_ in drawn} == given


def test_a_bar_begins_where_its_first_label_does_and_folds_cover_the_whole_time():
    labels = spans(50)
    splitter = PurgedKFold(labels, 5, purge_ns=0, embargo_ns=20 * SECOND)

    drawn = bars(fold_diagram(980.0, labels, splitter))

    left, right = min(x for _, x, _, _ in drawn), max(x + width for _, x, width, _ in drawn)
    scale = (right - left) / ((labels[-1, 1] - labels[0, 0]) / SECOND)
    tests = sorted((x for kind, x, _, _ in drawn if kind == "test"))
    assert tests == pytest.approx([left + scale * at for at in (0, 100, 200, 300, 400)], abs=0.1)
    assert sum(width for *_, width, _ in drawn) == pytest.approx(5 * (right - left), abs=2)


def test_the_order_of_labels_does_not_matter():
    labels = spans(40)
    shuffled = labels[np.random.default_rng(1).permutation(40)]

    assert fold_diagram(400.0, labels, PurgedKFold(labels)) == fold_diagram(400.0, shuffled, PurgedKFold(shuffled))


def test_many_labels_and_folds_make_a_drawing_of_bounded_size():
    labels = spans(20_000, lasts_s=1, every_s=3)
    splitter = CombinatorialPurgedCV(labels, 10, 3)

    drawn = fold_diagram(980.0, labels, splitter)

    assert splitter.get_n_splits() > MOST_FOLDS
    assert len({y for _, _, _, y in bars(drawn)}) <= 5 * MOST_FOLDS
    assert len(drawn) < 60_000
