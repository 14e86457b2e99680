"""Streaming statistics and the small tools that kernels share."""

from msray.stats.kernels import float_bits, get_float, put_float

__all__ = ["float_bits", "get_float", "put_float"]
