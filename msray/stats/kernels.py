"""Floats inside integer arenas.

The state of an instrument is an ``int64`` array, so that a helper takes one array and a checkpoint is one copy. Its
floating-point words are the same 64 bits, reinterpreted: in machine code this is a plain load or store of a double.
"""

from typing import Any

import numba.core.types as nbt
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic
from numpy.typing import NDArray

from msray.compiled import kernel

Arena = NDArray[np.int64]


@intrinsic  # type: ignore[untyped-decorator]
def _as_float(context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return nbt.float64(nbt.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def _as_bits(context: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return nbt.int64(nbt.float64), generate


@kernel
def get_float(arena: Arena, at: int) -> float:
    """The float stored at ``arena[at]``; ``at`` is not negative."""
    value: float = _as_float(arena[np.uintp(at)])
    return value


@kernel
def put_float(arena: Arena, at: int, value: float) -> None:
    """Store a float at ``arena[at]``; ``at`` is not negative."""
    arena[np.uintp(at)] = _as_bits(value)


def float_bits(arena: Arena) -> NDArray[np.float64]:
    """The whole arena seen as floats (no copy); meaningful where a float was stored."""
    return arena.view(np.float64)
