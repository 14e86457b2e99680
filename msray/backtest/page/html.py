"""HTML from pieces: whatever is not known to be HTML is escaped where it enters, so that no text can become a tag."""

import html
import re
from collections.abc import Iterable, Mapping, Sequence

_VOID = frozenset({"br", "meta"})
_NO_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
"""Those that no document may hold, and those that turn the direction of what follows."""
MOST_LETTERS = 80
MOST_ROWS = 50


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


NOTHING = Markup("")


def element(name: str, attributes: Mapping[str, object], *children: object) -> Markup:
    """A tag with its attributes and what is inside.

    Examples
    --------
    >>> element("p", {"class": "a"}, "1 < 2", element("br", {}))
    '<p class="a">1 &lt; 2<br></p>'
    """
    said = "".join(f' {key}="{escaped(value)}"' for key, value in attributes.items())
    if name in _VOID:
        return Markup(f"<{name}{said}>")
    return Markup(f"<{name}{said}>{together(children)}</{name}>")


def together(pieces: Iterable[object]) -> Markup:
    """Pieces one after the other."""
    return Markup("".join(map(escaped, pieces)))


def escaped(piece: object) -> str:
    """A piece as HTML; characters that have no place in a document are replaced."""
    if isinstance(piece, Markup):
        return piece
    return html.escape(_NO_CHARACTERS.sub("\ufffd", str(piece)))


def from_user(text: str) -> Markup:
    """A word that a user or a venue chose: cut, where it is long, and with a direction of its own."""
    shown = text if len(text) <= MOST_LETTERS else text[:MOST_LETTERS] + "\u2026"
    return element("bdi", {}, shown or "(not said)")


def undefined(why: str) -> Markup:
    """In place of a number that there is not."""
    return element("span", {"class": "undefined"}, f"not defined: {why}")


def table(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    texts: Iterable[int] = (),
    long: int | None = None,
) -> Markup:
    """A table; at most ``MOST_ROWS`` rows are shown.

    Parameters
    ----------
    caption
        What it shows; also the name by which a reader's software offers it.
    columns
        Headings, with the units.
    rows
        The first cell of each names it; the others are numbers, aligned to the right.
    texts
        Numbers of other columns that hold text.
    long
        Number of the column that holds sentences.
    """
    kinds = dict.fromkeys({0, *texts}, "text") | ({} if long is None else {long: "text long"})

    def cell(tag: str, number: int, content: object, scope: str = "") -> Markup:
        attributes = {"class": kinds.get(number, "number")} | ({"scope": scope} if scope else {})
        return element(tag, attributes, content)

    head = element("tr", {}, *(cell("th", number, name, "col") for number, name in enumerate(columns)))
    body = [
        element("tr", {}, *(cell("td" if n else "th", n, one, "" if n else "row") for n, one in enumerate(row)))
        for row in rows[:MOST_ROWS]
    ]
    if len(rows) > MOST_ROWS:
        body.append(element("tr", {}, element("td", {"colspan": len(columns)}, f"and {len(rows) - MOST_ROWS:,} more")))
    whole = element(
        "table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, *body)
    )
    return element("div", {"class": "scroll", "role": "region", "aria-label": caption, "tabindex": "0"}, whole)
