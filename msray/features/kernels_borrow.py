"""Arrays by their address, for the calls inside one row.

An array argument is seven words, handed on at every call; some thirty calls make a row. An address is one word and is
indexed in the same way. The caller keeps the array alive.
"""

from typing import Any

import numba.core.types as nbt
from numba.core import errors
from numba.extending import intrinsic

_pointer: Any = nbt.CPointer
_TypingError: Any = errors.TypingError


def _address(context: Any, array: Any) -> Any:
    if array.layout != "C":
        raise _TypingError("only a contiguous array has an address")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.make_array(array)(context, builder, args[0]).data

    return _pointer(array.dtype)(array), generate


address: Any = intrinsic(_address)
"""Where the first number of a contiguous array lies; an index into it must not be negative."""
