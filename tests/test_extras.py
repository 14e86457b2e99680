"""What an extra installs, and is not there, is named with the extra."""

import sys

import numpy as np
import pytest

from msray.errors import UsageError
from msray.evaluation.ranking import Curve
from msray.extras import from_extra


def test_what_is_there_is_imported() -> None:
    with from_extra("research"):
        import json

    assert json.loads("1") == 1


def test_a_library_that_is_not_there_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)

    says = "this measure needs scikit-learn, which is not installed"
    with pytest.raises(UsageError, match=says) as caught, from_extra("research", "this measure"):
        import sklearn.metrics  # noqa: F401

    assert caught.value.hint == "pip install 'msray[research]'"


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(ZeroDivisionError), from_extra("research"):
        1 / 0  # noqa: B018


def test_a_table_without_pandas_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    none = np.zeros(0)

    with pytest.raises(UsageError, match="to_pandas needs pandas, which is not installed"):
        Curve(names=("x", "y"), threshold=none, x=none, y=none).to_pandas()
