"""The picture of an order book around a trade, with the market's trades, the signals and our trade in it."""

import base64
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from msray.backtest.config import SECOND
from msray.backtest.page import words as words
from msray.backtest.page.book import COLUMNS, BookHistory
from msray.backtest.page.charts import Times, over_time, trade_marks
from msray.backtest.page.html import Markup
from msray.backtest.page.svg import TOP, Plot, hint, place, ticks
from msray.backtest.portfolio import Trade
from msray.backtest.tape import Tape
from msray.market import REGRID, SELL, TRADE

BID, ASK = (0, 114, 178), (213, 94, 0)
"""Two of the colours that everybody can tell apart: Okabe and Ito (2008), "Color universal design"."""
FAINTEST = 0.12
MOST_PRINTS, MOST_SIGNALS = 150, 50
LARGEST_PRINT = 9.0
"""Radius."""


def book_chart(width: float, book: BookHistory, tape: Tape, known_ns: Times, trade: Trade) -> Markup:
    """A book's past with its best prices, the market's largest trades, the signals, and our trade.

    Parameters
    ----------
    width
        Of the drawing.
    book
        What to draw.
    tape, known_ns
        Where it is from, and when each message was known.
    trade
        Ours.
    """
    plot = over_time("Order book around the trade", (width, 420.0), book.period, (book.low, book.high))
    plot.y_axis(ticks(book.low, book.high, 7), "price, quote units")
    plot.picture("data:image/png;base64," + base64.b64encode(png(_colours(book))).decode())
    _gaps(plot, book)
    at = np.repeat(np.linspace(0.0, book.period.seconds, COLUMNS + 1), 2)[1:-1]
    plot.line(at, np.repeat(book.best_bid, 2), "bid")
    plot.line(at, np.repeat(book.best_ask, 2), "ask")
    inside = slice(*np.searchsorted(known_ns, [book.period.begin_ns, book.period.end_ns]).tolist())
    _prints(plot, book, tape, known_ns, inside)
    _signals(plot, book, tape, known_ns, inside)
    _ours(plot, book, trade)
    return plot.svg()


def full_colour(book: BookHistory) -> float:
    """Size from which on a cell has its full colour: only one in fifty that hold anything has more."""
    sizes = np.concatenate([book.bids.ravel(), book.asks.ravel()])
    return float(np.quantile(sizes[sizes > 0], 0.98)) if (sizes > 0).any() else 1.0


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A picture of ``(height, width, 4)`` red, green, blue and opacity.

    Examples
    --------
    >>> png(np.zeros((2, 3, 4), np.uint8))[1:4]
    b'PNG'
    """
    height, width, _ = pixels.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes())), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def _colours(book: BookHistory) -> NDArray[np.uint8]:
    """Opacity rises with the root of the size, so that small sizes are seen beside large ones."""
    pixels = np.zeros((*book.bids.shape, 4), np.uint8)
    most = full_colour(book)
    for sizes, colour in ((book.bids, BID), (book.asks, ASK)):
        rests = sizes > 0
        pixels[rests, :3] = colour
        share = np.sqrt(np.minimum(sizes[rests] / most, 1.0))
        pixels[rests, 3] = np.rint(255 * (FAINTEST + (1.0 - FAINTEST) * share))
    return pixels[::-1]


def _gaps(plot: Plot, book: BookHistory) -> None:
    edges = np.flatnonzero(np.diff(book.is_known, prepend=True, append=True))
    for begin, end in edges.reshape(-1, 2) * (book.period.seconds / COLUMNS):
        plot.box((begin, end), (book.low, book.high), "gap", "gap of the recording: the book is not known")


def _prints(plot: Plot, book: BookHistory, tape: Tape, known_ns: Times, inside: slice) -> None:
    """The market's trades: circles as large as what traded, hollow where a buyer was the aggressor."""
    records = tape.records
    messages = records.messages[: inside.stop]
    numbers = np.flatnonzero(messages["kind"][inside] == TRADE) + inside.start
    regrids = np.flatnonzero(messages["kind"] == REGRID)
    finer = np.append(1, np.cumprod(messages["prev_id"][regrids]))[np.searchsorted(regrids, numbers)]
    levels = records.levels[messages["begin"][numbers]]
    prices = tape.instrument.price(levels["tick"].astype(np.int64)) / finer
    is_seen = (prices > book.low) & (prices < book.high)
    largest = np.argsort(np.where(is_seen, -levels["size"], 0), kind="stable")[: min(MOST_PRINTS, int(is_seen.sum()))]
    most = levels["size"][is_seen].max(initial=1)
    for at in largest.tolist():
        size, at_ns = levels["size"][at], int(known_ns[numbers[at]])
        side = "sold" if levels["flags"][at] & SELL else "bought"
        x, y = float(plot.x((at_ns - book.period.begin_ns) / SECOND)), float(plot.y(prices[at]))
        radius = max(LARGEST_PRINT * np.sqrt(size / most), 1.0)
        told = f"{tape.instrument.size(int(size)):g} {side} at {words.moment(at_ns)} UTC"
        plot.add("circle", {"class": f"print {side}", "cx": x, "cy": y, "r": radius}, *hint(told))


def _ours(plot: Plot, book: BookHistory, trade: Trade) -> None:
    trade_marks(plot, book.period, trade, "ours")
    ends = (
        (trade.entry_ns, trade.entry_price, "entry"),
        (trade.exit_ns, trade.exit_price, f"exit ({trade.reason[:40]})"),
    )
    for at_ns, price, name in ends:
        x = float(plot.x((at_ns - book.period.begin_ns) / SECOND))
        is_late = x > (plot.x.begin + plot.x.end) / 2
        text = f"{name} {words.price(price)}"
        plot.text(x + (-10 if is_late else 10), float(plot.y(price)) - 9, "end ours" if is_late else "start ours", text)


def _signals(plot: Plot, book: BookHistory, tape: Tape, known_ns: Times, inside: slice) -> None:
    """Signals at the upper edge."""
    raised = np.flatnonzero((tape.signal_message >= inside.start) & (tape.signal_message < inside.stop))
    for one in raised[:MOST_SIGNALS].tolist():
        signal = tape.signals[one]
        at_ns = int(known_ns[tape.signal_message[one]])
        x = float(plot.x((at_ns - book.period.begin_ns) / SECOND))
        shape = {1: "m0 -5l4 8h-8z", -1: "m0 5l4 -8h-8z"}.get(signal.direction, "m-3 -3h6v6h-6z")
        told = f"signal {signal.signal_type}, score {signal.score:.2f}"
        plot.add("path", {"class": "signal", "d": f"M{place(x)} {place(TOP + 8)}{shape}"}, *hint(told))
