"""Names of instruments: ``venue:SYMBOL`` everywhere; a bare symbol where it is unique."""

from collections.abc import Iterable, Mapping, Sequence

from msray.api.problem import RefusedError


def resolve(name: str, known: Iterable[str]) -> str | None:
    """The instrument that is meant, None where a bare symbol is not among the known ones.

    Parameters
    ----------
    name
        ``venue:SYMBOL``, which stands for itself, or a symbol.
    known
        Ids to look a symbol up in.

    Raises
    ------
    RefusedError
        422 with the candidates, where a symbol stands for several.
    """
    return name if ":" in name else only(by_symbol(known).get(name, ()))


def by_symbol(known: Iterable[str]) -> Mapping[str, Sequence[str]]:
    """Ids by symbol, each in order of name."""
    found: dict[str, list[str]] = {}
    for instrument in sorted(set(known)):
        found.setdefault(instrument.partition(":")[2], []).append(instrument)
    return found


def only(candidates: Sequence[str]) -> str | None:
    """The one candidate, None of none.

    Raises
    ------
    RefusedError
        422 with the candidates, where there are several.
    """
    if len(candidates) > 1:
        detail = "this symbol is traded at several venues; name one of the candidates"
        raise RefusedError(422, detail, candidates=candidates)
    return candidates[0] if candidates else None
