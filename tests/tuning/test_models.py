"""What may be searched of a model."""

import pytest

from msray.errors import UsageError
from msray.models.catalog import CATALOG
from msray.training.config import ModelConfig
from msray.tuning import Axis
from msray.tuning.models import having, model_space


@pytest.mark.parametrize("name", CATALOG)
def test_every_model_has_a_space_of_its_own_whose_ends_can_be(name: str) -> None:
    space = model_space(ModelConfig(name=name), {})

    assert ("training.learning_rate" in space) == (name != "boosted")
    assert ("network.dropout" in space) == ("dropout" in CATALOG[name].config.model_fields)


def test_parameters_go_where_their_names_say() -> None:
    model = having(ModelConfig(name="gru"), {"network.cells": 16, "training.learning_rate": 0.01})

    assert (model.network, model.training.learning_rate) == ({"cells": 16}, 0.01)


@pytest.mark.parametrize(
    ("name", "axis", "says"),
    [
        ("network.cels", Axis(choices=(1, 2)), "network.cels: network.cels: Extra inputs"),
        ("network.cells", Axis(low=0, high=8, whole=True), "network.cells: network.cells: Input should be greater"),
        ("training.learning_rate", Axis(low=0.5, high=2.0), "training.learning_rate: Input should be less"),
        ("cells", Axis(choices=(1, 2)), "parameters must be network.NAME or training.NAME, got cells"),
        ("training.epochs", Axis(choices=(1, 2)), "training.epochs cannot be searched"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_tried(name: str, axis: Axis, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        model_space(ModelConfig(name="gru"), {name: axis})
