"""Arrays that a kernel only borrows, for the calls inside one row.

An array argument is seven words and a reference count, handed on and counted atomically at every call; some thirty
calls make a row, and that would be more than a tenth of its time. An address is one word and is indexed in the same
way; where it has to be an array, one without an owner is not counted. In both cases the caller keeps the owner alive.
"""

from typing import Any

import numba.core.types as nbt
from numba.core import cgutils, errors
from numba.extending import intrinsic

_pointer: Any = nbt.CPointer
_null: Any = cgutils.get_null_value
_TypingError: Any = errors.TypingError


def _address(context: Any, array: Any) -> Any:
    if array.layout != "C":
        raise _TypingError("only a contiguous array has an address")

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.make_array(array)(context, builder, args[0]).data

    return _pointer(array.dtype)(array), generate


def _unowned(context: Any, array: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        view = context.make_array(array)(context, builder, args[0])
        view.meminfo = _null(view.meminfo.type)
        view.parent = _null(view.parent.type)
        return view._getvalue()

    return array(array), generate


address: Any = intrinsic(_address)
"""Where the first number of a contiguous array lies; an index into it must not be negative."""
unowned: Any = intrinsic(_unowned)
"""The same array without an owner."""
