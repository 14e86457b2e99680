"""How much a label says that others do not: concurrency, uniqueness, weights by return, the sequential bootstrap.

The span of a label is closed and counted in whole units: ``[1, 3]`` holds 1, 2 and 3. With spans in nanoseconds, as the
labels of this package have them, means are over time. With spans in row numbers they are over rows.

Lopez de Prado (2018), "Advances in Financial Machine Learning", chapter 4. Sums over time are of integers, so a short
span loses nothing to all that came before it; and they cost the same however many labels overlap.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from msray.arguments import checked_count, checked_numbers, checked_spans, checked_times, checked_whole
from msray.errors import UsageError
from msray.labels import kernels as k

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_DRAWS = 100_000_000


def concurrency(spans: ArrayLike, at_ns: ArrayLike) -> Ints:
    """How many labels live at each time.

    Parameters
    ----------
    spans
        ``(n, 2)``: begin and end of each label, both included.
    at_ns
        Times, in any order.

    Raises
    ------
    UsageError
        If they are not whole numbers, or a span ends before it begins.

    Examples
    --------
    >>> concurrency([[1, 3], [3, 4], [5, 6]], [1, 2, 3, 4, 5, 6, 7])
    array([1, 1, 2, 1, 1, 1, 0])
    """
    return _live(checked_spans("spans", spans), checked_whole("at_ns", at_ns))


def uniqueness(spans: ArrayLike) -> Floats:
    """Mean over a label's span of one over the labels that live then: 1 where it is alone.

    Takes time in proportion to n log n.

    Raises
    ------
    UsageError
        As :func:`concurrency` does.

    Examples
    --------
    >>> uniqueness([[1, 3], [3, 4], [5, 6]])
    array([0.83333333, 0.75      , 1.        ])
    """
    return _uniqueness(*_pieces(checked_spans("spans", spans)))


def return_weights(spans: ArrayLike, at_ns: ArrayLike, mid: ArrayLike) -> Floats:
    """Size of the return within each span, shared at each moment among the labels that live then; the mean is 1.

    Parameters
    ----------
    spans
        ``(n, 2)``: begin and end of each label.
    at_ns, mid
        When the price was what, non-decreasing times; positive.

    Raises
    ------
    UsageError
        As :func:`concurrency` does, if a price is not positive and finite, or does not move within any span.

    Notes
    -----
    ``w = abs(sum of r_t / c_t)`` over the log returns that were made within the span: r_t is from the price before t to
    that at t, so one at the begin of a span belongs to those before it. Likewise c_t counts spans begun before t.

    Examples
    --------
    >>> return_weights([[1, 3], [3, 4], [5, 6]], [1, 2, 3, 4, 5, 6], [100, 101, 100, 110, 110, 121])
    array([0. , 1.5, 1.5])
    """
    begin_end, times = checked_spans("spans", spans), checked_times("at_ns", at_ns)
    prices = checked_numbers("mid", mid, rows=len(times), above=0)
    if not len(begin_end):
        return np.zeros(0)
    returns = np.diff(np.log(prices), prepend=np.nan)
    live = _live(np.column_stack([begin_end[:, 0] + 1, begin_end[:, 1]]), times)
    shares = np.divide(returns, live, out=np.zeros(len(times)), where=(live > 0) & ~np.isnan(returns))
    sums = np.concatenate([[0], np.cumsum(_fixed_point(shares))])
    first, last = (np.searchsorted(times, begin_end[:, column], side="right") for column in (0, 1))
    weights = np.abs(sums[last] - sums[first]).astype(np.float64)
    if not weights.any():
        raise UsageError("mid must move within a span, it does within none")
    return np.asarray(weights / weights.mean())


def draw_probabilities(spans: ArrayLike, drawn: ArrayLike) -> Floats:
    """Probability of each label to be drawn next by the sequential bootstrap, after those in ``drawn``.

    Raises
    ------
    UsageError
        As :func:`concurrency` does, or if ``drawn`` names a label that is not there.

    Examples
    --------
    >>> draw_probabilities([[1, 3], [3, 4], [5, 6]], drawn=[1]) * 14
    array([5., 3., 6.])
    """
    pieces, labels = _pieces(checked_spans("spans", spans))
    _forget(pieces)
    for label in checked_whole("drawn", drawn, most=len(labels) - 1):
        k.add_label(pieces, labels, label)
    of_each = _uniqueness(pieces, labels)
    return np.asarray(of_each / of_each.sum())


def sequential_bootstrap(spans: ArrayLike, draws: int, rng: np.random.Generator) -> Ints:
    """Draw labels with replacement, those that overlap what was drawn less often.

    Parameters
    ----------
    spans
        ``(n, 2)``: begin and end of each label.
    draws
        How many to draw, 0 to 100,000,000; as many as there are labels is usual.
    rng
        Where chance comes from; one number a draw.

    Returns
    -------
    ndarray
        ``int64``: which label, for each draw.

    Raises
    ------
    UsageError
        As :func:`concurrency` does, or if there is nothing to draw from.

    Notes
    -----
    Each draw is with probability in proportion to the uniqueness that a label would have among those drawn before and
    itself. A draw takes time in proportion to n, however much labels overlap: a third of a second for 10,000 of 10,000
    labels (``jobs/measure_labels.py``).

    Examples
    --------
    >>> sequential_bootstrap([[1, 3], [3, 4], [5, 6]], 6, np.random.default_rng(1))
    array([1, 2, 0, 2, 0, 1])
    """
    checked_count("draws", draws, 0, MOST_DRAWS)
    pieces, labels = _pieces(checked_spans("spans", spans))
    if draws and not len(labels):
        raise UsageError("spans must have a label to draw, got none")
    _forget(pieces)
    out = np.empty(draws, np.int64)
    k.draw_sequentially(pieces, labels, np.empty(len(labels)), rng.random(draws), out)
    return out


def _live(spans: Ints, at: Ints) -> Ints:
    begun = np.searchsorted(np.sort(spans[:, 0]), at, side="right")
    ended = np.searchsorted(np.sort(spans[:, 1]), at, side="left")
    return np.asarray(begun - ended)


def _pieces(spans: Ints) -> tuple[Ints, Ints]:
    """Time, cut where a label begins or is over, with all labels in it; and the labels, in terms of these pieces."""
    lengths = spans[:, 1] - spans[:, 0] + 1
    cuts = np.unique(np.concatenate([spans[:, 0], spans[:, 1] + 1]))
    # The longest span weighs almost 2**62, so that shares of the shortest are as exact as they can be.
    shift = max(62 - int(lengths.max(initial=1)).bit_length(), 0)
    pieces = np.zeros((4, max(len(cuts), 1)), np.int64)
    pieces[k.COUNT, : len(cuts)] = live = _live(spans, cuts)
    is_live = live[:-1] > 0
    pieces[k.WEIGHT, :-1][is_live] = np.diff(cuts)[is_live] << shift
    pieces[k.SHARE] = pieces[k.WEIGHT] // np.maximum(pieces[k.COUNT], 1)
    columns = np.searchsorted(cuts, spans[:, 0]), np.searchsorted(cuts, spans[:, 1] + 1), lengths << shift
    return pieces, np.column_stack(columns)


def _forget(pieces: Ints) -> None:
    """Leave no label in the pieces but the one that is asked about."""
    pieces[k.COUNT] = 1
    pieces[k.SHARE] = pieces[k.WEIGHT]


def _uniqueness(pieces: Ints, labels: Ints) -> Floats:
    out = np.empty(len(labels))
    k.write_uniqueness(pieces, labels, out)
    return out


def _fixed_point(values: Floats) -> Ints:
    """The same numbers as integers, to a common scale at which no sum of them is too large."""
    exponent = np.frexp(np.abs(values).sum())[1]
    return np.asarray(np.rint(np.ldexp(values, 61 - exponent)), np.int64)
