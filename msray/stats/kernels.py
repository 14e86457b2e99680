"""Floats inside integer arenas.

The state of an instrument is an ``int64`` array, so that a helper takes one array and a checkpoint is one copy. Its
floating-point words are the same 64 bits, reinterpreted: in machine code this is a plain load or store of a double.
"""
# mypy: disable-error-code="no-any-return"
# What a word of an arena is, only the kernel knows.

from typing import Any

import numba.core.types as nbt
import numpy as np
from llvmlite import ir
from numba.extending import intrinsic
from numpy.typing import NDArray

from msray.compiled import kernel

Arena = NDArray[Any]


def _as_float(context: Any, bits: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return nbt.float64(nbt.int64), generate


def _as_bits(context: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return nbt.int64(nbt.float64), generate


as_float: Any = intrinsic(_as_float)
"""The float that has these 64 bits."""
as_bits: Any = intrinsic(_as_bits)
"""The 64 bits of a float, as an integer."""


@kernel
def get_float(arena: Arena, at: int) -> float:
    """The float stored at ``arena[at]``; ``at`` is not negative."""
    return as_float(arena[np.uintp(at)])


@kernel
def put_float(arena: Arena, at: int, value: float) -> None:
    """Store a float at ``arena[at]``; ``at`` is not negative."""
    arena[np.uintp(at)] = as_bits(value)


def float_bits(arena: Arena) -> NDArray[np.float64]:
    """The whole arena seen as floats (no copy); meaningful where a float was stored."""
    return arena.view(np.float64)
