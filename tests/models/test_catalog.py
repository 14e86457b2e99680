"""Every network: its shape, its size beside the published one, its scaling; new ones are tested by being listed."""

import subprocess
import sys

import pytest
import torch
from pydantic import ValidationError

from msray.errors import UnknownNameError, UsageError
from msray.models.catalog import CATALOG, entry, make_network
from tests.models.made import CAUSAL, FEATURES, HORIZONS, WINDOWED, a_network, some_rows

# Parameters as published: BiN-CTABL 1.1e4; DeepLOB's notebook; TLOB and MLPLOB as counted in their code, to two digits
# after the point; the 2.46 million of the system that DirectionalLSTM comes from.
PUBLISHED = [
    ("bin_ctabl", {"features": 40, "window": 10}, 11_446, 11_446),
    ("deep_lob", {"features": 40}, 142_691, 142_691),
    ("dual_attention", {"features": 144, "window": 128}, 2_655_000, 2_665_000),
    ("mixer", {"features": 144, "window": 384}, 6_250_000, 6_350_000),
    ("directional", {"features": 46}, 2_455_000, 2_465_000),
]


@pytest.mark.parametrize(("name", "words", "least", "most"), PUBLISHED)
def test_it_has_as_many_parameters_as_the_published_one(
    name: str, words: dict[str, int], least: int, most: int
) -> None:
    size = make_network(name, entry(name).config(**words)).size

    assert least <= size <= most


@pytest.mark.parametrize("name", CATALOG)
def test_it_answers_for_each_horizon_and_class(name: str) -> None:
    network = a_network(name)
    rows = some_rows(network)

    scores = network(rows)

    assert scores.shape == (3, rows.shape[1] if name in CAUSAL else 1, HORIZONS, 3)
    assert torch.isfinite(scores).all()


@pytest.mark.parametrize("name", CATALOG)
def test_streams_of_a_batch_know_nothing_of_each_other(name: str) -> None:
    network = a_network(name)
    rows = some_rows(network)

    torch.testing.assert_close(network(rows)[1:2], network(rows[1:2]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CAUSAL)
def test_row_by_row_it_gives_what_it_gives_at_once(name: str) -> None:
    network = a_network(name)
    rows, memory, found = some_rows(network), network.start(3), []

    for row in rows.unbind(1):
        scores, *memory = network.step(row, *memory)
        found.append(scores)

    torch.testing.assert_close(torch.stack(found, 1), network(rows), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", CAUSAL)
@pytest.mark.parametrize("cut", [0, 1, 31, 49])
def test_what_comes_later_changes_no_answer(name: str, cut: int) -> None:
    network = a_network(name)
    rows = some_rows(network)
    changed = rows.clone()
    changed[:, cut:] = -3.0 * changed[:, cut:] + 1.0

    assert torch.equal(network(changed)[:, :cut], network(rows)[:, :cut])
    assert not torch.equal(network(changed)[:, cut:], network(rows)[:, cut:])


@pytest.mark.parametrize("name", WINDOWED)
def test_each_row_of_a_window_can_change_the_answer(name: str) -> None:
    network = a_network(name)
    rows = some_rows(network, batch=1).requires_grad_()

    network(rows)[..., 2].sum().backward()

    assert rows.grad is not None
    assert (rows.grad.abs().sum(dim=2) > 0).all()


@pytest.mark.parametrize("name", [name for name in CATALOG if name != "boosted"])
def test_all_of_it_learns(name: str) -> None:
    network = a_network(name).train()

    network(some_rows(network)).square().sum().backward()

    still = [where for where, parameter in network.named_parameters() if parameter.grad is None]
    assert still == []


@pytest.mark.parametrize("name", CATALOG)
def test_scaling_is_part_of_it_and_what_is_unknown_is_usual(name: str) -> None:
    plain, scaled = a_network(name), a_network(name)
    rows, center, width = some_rows(plain), torch.linspace(-5, 5, FEATURES), torch.linspace(0.1, 9, FEATURES)

    scaled.scale_by(center, width)

    torch.testing.assert_close(scaled(rows * width + center), plain(rows), rtol=1e-3, atol=1e-4)
    unknown, usual = (rows * width + center).clone(), (rows * width + center).clone()
    unknown[:, 3, 5], usual[:, 3, 5] = float("nan"), center[5]
    assert torch.equal(scaled(unknown), scaled(usual))
    again = a_network(name)
    again.load_state_dict(scaled.state_dict())
    assert torch.equal(again(rows), scaled(rows))


@pytest.mark.parametrize(
    ("center", "width", "said"),
    [
        (torch.zeros(3), torch.ones(FEATURES), "center must be 8 finite numbers, got .0.0, 0.0, 0.0."),
        (torch.zeros(FEATURES), torch.full((FEATURES,), float("nan")), "width must be 8 finite numbers"),
        (torch.zeros(FEATURES), torch.zeros(FEATURES), "width must be positive, got 0.0"),
    ],
)
def test_a_scaling_that_is_none_is_refused(center: torch.Tensor, width: torch.Tensor, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        a_network("linear").scale_by(center, width)


def test_an_unknown_name_is_refused_with_the_near_one() -> None:
    with pytest.raises(UnknownNameError) as refused:
        entry("deeplob")

    assert "deep_lob" in str(refused.value.hint)


@pytest.mark.parametrize("words", [{"features": 0}, {"features": 9, "cells": 0}, {"features": 9, "cell": 3}])
def test_a_choice_out_of_its_range_is_refused(words: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        entry("gru").config(**words)


def test_levels_that_are_not_whole_are_refused() -> None:
    with pytest.raises(UsageError, match="4 a level"):
        a_network("deep_lob", features=10)


@pytest.mark.parametrize("name", ["transformer", "local_attention"])
def test_heads_that_do_not_divide_the_width_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="width must be a multiple of heads, got 30 and 4"):
        entry(name).config(features=4, width=30)


def test_the_list_loads_no_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import sys, msray.models.catalog as c; sys.exit('torch' in sys.modules)"], check=False
    )

    assert done.returncode == 0
