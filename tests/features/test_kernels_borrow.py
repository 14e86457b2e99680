import numpy as np
import pytest
from numba.core.errors import TypingError

from msray.features import kernels, new_state
from tests.features.logs import RANDOM, START_NS


def test_an_arena_with_holes_is_refused() -> None:
    holes = np.zeros((len(new_state(RANDOM)), 2), np.int64)[:, 0]

    with pytest.raises(TypingError, match="only a contiguous array has an address"):
        kernels.on_trade(holes, START_NS, 2000, 1, 0)
