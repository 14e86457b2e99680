"""Losses: what they are, and that each can be made small."""

import pytest
import torch

from msray.errors import UnknownNameError, UsageError
from msray.models.classes import NO_LABEL
from msray.models.losses import LOSSES, LossOptions, Targets, direction, weighted_sum

SHAPE = (2, 30, 2)
OPTIONS = LossOptions()


def some_targets(seed: int = 0) -> Targets:
    rng = torch.Generator().manual_seed(seed)
    changes = torch.randn(SHAPE, generator=rng)
    classes = torch.where(changes > 0.5, 2, torch.where(changes < -0.5, 0, 1))
    return Targets(classes=classes, changes=changes, next_returns=changes[:, :, 0] * 0.5)


def perfect(targets: Targets) -> torch.Tensor:
    return 9.0 * torch.nn.functional.one_hot(targets.classes.clamp_min(0), 3).float()


@pytest.mark.parametrize("name", LOSSES)
def test_right_answers_cost_less_than_none_and_those_less_than_wrong_ones(name: str) -> None:
    targets, loss = some_targets(), LOSSES[name]

    right, none, wrong = (
        float(loss(scores, targets, OPTIONS))
        for scores in (perfect(targets), 0.01 * torch.randn((*SHAPE, 3)), perfect(targets).flip(-1))
    )

    assert right < none < wrong


@pytest.mark.parametrize("name", LOSSES)
def test_it_has_a_slope_that_leads_down(name: str) -> None:
    targets = some_targets()
    scores = torch.randn((*SHAPE, 3), generator=torch.Generator().manual_seed(3)).requires_grad_()
    before = LOSSES[name](scores, targets, OPTIONS)

    before.backward()
    assert scores.grad is not None

    after = LOSSES[name]((scores - 0.1 * scores.grad / scores.grad.norm()).detach(), targets, OPTIONS)
    assert float(after) < float(before.detach())


@pytest.mark.parametrize("name", LOSSES)
def test_rows_without_a_label_count_for_nothing(name: str) -> None:
    targets, scores = some_targets(), torch.randn((*SHAPE, 3), generator=torch.Generator().manual_seed(3))
    known = Targets(
        classes=targets.classes[:, :20], changes=targets.changes[:, :20], next_returns=targets.next_returns[:, :20]
    )
    targets.classes[:, 20:] = NO_LABEL

    found, expected = (LOSSES[name](s, t, OPTIONS) for s, t in ((scores, targets), (scores[:, :20], known)))

    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "cross_entropy"])
def test_nothing_known_costs_nothing(name: str) -> None:
    targets = some_targets()
    targets.classes[:] = NO_LABEL

    assert float(LOSSES[name](torch.ones((*SHAPE, 3)), targets, OPTIONS)) == 0.0


def test_direction_is_up_minus_down() -> None:
    chances = torch.tensor([0.2, 0.5, 0.3])

    assert float(direction(chances.log())) == pytest.approx(0.1)


def test_turning_costs() -> None:
    """Held long throughout, the position turns once: from flat to long."""
    targets = Targets(
        classes=torch.ones((1, 4, 1), dtype=torch.int64),
        changes=torch.ones((1, 4, 1)),
        next_returns=torch.tensor([[1.0, 2.0, 1.0, 2.0]]),
    )
    scores = torch.tensor([-50.0, -50.0, 50.0]).expand(1, 4, 1, 3)
    earned = torch.tensor([1.0 - 0.25, 2.0, 1.0, 2.0])

    loss = LOSSES["sharpe"](scores, targets, LossOptions(cost=0.25))

    assert float(loss) == pytest.approx(float(-earned.mean() / earned.std()))


def test_sharpe_needs_steps_that_follow_each_other() -> None:
    targets = some_targets()
    one = Targets(
        classes=targets.classes[:, :1], changes=targets.changes[:, :1], next_returns=targets.next_returns[:, :1]
    )

    with pytest.raises(UsageError, match="answers behind each row"):
        LOSSES["sharpe"](torch.ones((2, 1, 2, 3)), one, OPTIONS)


def test_a_sum_is_the_sum_of_its_parts() -> None:
    targets, scores = some_targets(), torch.ones((*SHAPE, 3))

    found = weighted_sum({"cross_entropy": 2.0, "mse": 0.5})(scores, targets, OPTIONS)

    parts = 2.0 * LOSSES["cross_entropy"](scores, targets, OPTIONS) + 0.5 * LOSSES["mse"](scores, targets, OPTIONS)
    torch.testing.assert_close(found, parts)


def test_words_that_make_no_loss_are_refused() -> None:
    with pytest.raises(UsageError, match="at least one"):
        weighted_sum({})
    with pytest.raises(UsageError, match="must be positive, got -1"):
        weighted_sum({"mse": -1.0})
    with pytest.raises(UnknownNameError):
        weighted_sum({"msee": 1.0})
