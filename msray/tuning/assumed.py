"""Parameters by their names in the configuration: which there are, what they may be, and what a set of them means."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from msray.backtest.config import BacktestConfig
from msray.errors import UnknownNameError, UsageError
from msray.prediction import DetectionConfig
from msray.tuning.space import Axis, Parameters, SearchSpace, Value

DECISIONS = ("profit_target_pct", "stop_loss_pct", "max_holding_seconds", "position_size_pct", "maker", "risk")
"""What of a backtest one can choose. The rest is the market's, the venue's and the recorder's doing, or the capital."""
_RIVALS = {"arl0": "false_alarms_per_day", "false_alarms_per_day": "arl0"}
"""Two ways to say one thing: whoever says one, takes the other back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What a backtest of recordings assumes, detectors included.

    Attributes
    ----------
    backtest, detection
        The sections of the configuration.
    """

    backtest: BacktestConfig
    detection: DetectionConfig

    def value(self, name: str) -> Any:
        """Of a parameter; None where it is left out."""
        found: Any = self
        for part in name.split("."):
            found = getattr(found, part)
        return found

    def having(self, parameters: Parameters) -> "Assumed":
        """The same with other parameters.

        Raises
        ------
        UnknownNameError
            If there is no such parameter.
        UsageError
            If a value is out of its range.

        Examples
        --------
        >>> base = Assumed(backtest=BacktestConfig(), detection=DetectionConfig())
        >>> base.having({"detection.arl0": 500.0, "backtest.maker.gamma": 0.1}).value("detection.arl0")
        500.0
        """
        trees = {"backtest": self.backtest.model_dump(), "detection": self.detection.model_dump()}
        for name, value in parameters.items():
            check_name(name)
            *sections, key = name.split(".")
            tree: dict[str, Any] = trees
            for section in sections:
                tree = tree[section]
            tree[key] = value
            if key in _RIVALS and f"{'.'.join(sections)}.{_RIVALS[key]}" not in parameters:
                tree[_RIVALS[key]] = None
        try:
            return Assumed(
                backtest=BacktestConfig.model_validate(trees["backtest"]),
                detection=DetectionConfig.model_validate(trees["detection"]),
            )
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise UsageError(first["msg"].removeprefix("Value error, ").replace("Input should", "must")) from error


def parameter_names() -> tuple[str, ...]:
    """Names of all that can be searched.

    Examples
    --------
    >>> parameter_names()[:3]
    ('backtest.profit_target_pct', 'backtest.stop_loss_pct', 'backtest.max_holding_seconds')
    """
    return tuple(name for name in _annotations() if name.startswith("detection.") or name.split(".")[1] in DECISIONS)


def check_name(name: str) -> None:
    """Refuse a name that is none, or one of something that is not ours to choose.

    Raises
    ------
    UsageError
        With the nearest names.
    """
    known = parameter_names()
    if name in known:
        return
    if name in _annotations():
        raise UsageError(
            f"{name} cannot be searched: it says what the market, the venue or the capital is, not what is decided",
            hint=f"of a backtest can be searched: {', '.join(DECISIONS)}",
        )
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    near += [one for one in known if one.rpartition(".")[2] == name.rpartition(".")[2] and one not in near]
    error = UnknownNameError("parameter", name, known)
    error.hint = f"did you mean {' or '.join(map(repr, near))}?" if near else error.hint
    raise error


def checked_space(space: SearchSpace, base: Assumed) -> dict[str, Axis]:
    """A space whose every set of parameters is a configuration; parameters that are whole numbers know it then.

    Raises
    ------
    UsageError
        Naming the parameter, if there is no such one, or its range leaves that of its field.
    """
    for name in space:
        check_name(name)
    known = {name: _as_whole(name, axis) if _is_whole(name) else axis for name, axis in space.items()}
    first = {name: axis.ends[0] for name, axis in known.items()}
    for name, axis in known.items():
        ends = tuple(_checked(name, end, first, base) for end in axis.ends)
        if axis.choices:
            known[name] = axis.model_copy(update={"choices": ends})
    return known


def _as_whole(name: str, axis: Axis) -> Axis:
    try:
        return Axis.model_validate({**axis.model_dump(), "whole": True})
    except ValidationError as error:
        raise UsageError(f"{name}: {error.errors()[0]['msg']}, and only whole numbers are meant") from error


def _checked(name: str, value: Value, first: Parameters, base: Assumed) -> Value:
    """A value as its field has it: a file's numbers are text."""
    try:
        found: Value = base.having({**first, name: value}).value(name)
    except UsageError as error:
        raise UsageError(f"{name}: {error}, got {value}", hint=error.hint) from error
    return found


def default_space(strategy: str, base: Assumed, *, detects: bool = True) -> dict[str, Axis]:
    """What is searched unless it is said: ranges around what is assumed now.

    Parameters
    ----------
    strategy
        ``follower``: its exits, and how often detectors may be wrong; ``maker``: how it quotes.
    base
        What is assumed now.
    detects
        Whether the detectors' parameters can be among them.

    Raises
    ------
    UsageError
        If the strategy is one of the user's own: only he knows what can be chosen.
    """
    rate = "arl0" if base.detection.arl0 is not None else "false_alarms_per_day"
    follower = {
        "backtest.profit_target_pct": 4.0,
        "backtest.stop_loss_pct": 4.0,
        "backtest.max_holding_seconds": 2.0,
    } | ({f"detection.{rate}": 4.0} if detects else {})
    maker = {
        "backtest.maker.gamma": 30.0,
        "backtest.maker.min_half_spread_ticks": 8.0,
        "backtest.maker.max_inventory_orders": 4.0,
    }
    known = {"follower": follower, "maker": maker}
    if strategy not in known:
        raise UsageError(
            f"strategy {strategy} has no search space of its own",
            hint="say in the section tune, under space, which parameters may be chosen",
        )
    return checked_space({name: _around(name, times, base) for name, times in known[strategy].items()}, base)


def searches_detection(names: Iterable[str]) -> bool:
    """Whether some of these parameters are the detectors', so that their signals must be found anew."""
    return any(name.startswith("detection.") for name in names)


def _around(name: str, times: float, base: Assumed) -> Axis:
    """From so many times less than now to so many times more, as far as the field's bounds allow."""
    now = float(base.value(name))
    if now == 0.0:
        return Axis(low=0.0, high=1.0)
    ends = [now / times, now * times]
    if _is_whole(name):
        ends = [max(1, round(end)) for end in ends]
    low, high = (end if _may_be(name, end, base) else now for end in ends)
    return Axis(low=low, high=high, log=True)


def _may_be(name: str, value: Value, base: Assumed) -> bool:
    try:
        base.having({name: value})
    except UsageError:
        return False
    return True


def _is_whole(name: str) -> bool:
    return int in _types(_annotations()[name])


@cache
def _annotations() -> Mapping[str, Any]:
    """What the fields of both sections may be, by their whole names; lists and files are not among them."""
    return dict((*_fields(BacktestConfig, "backtest"), *_fields(DetectionConfig, "detection")))


def _fields(model: type[BaseModel], before: str) -> Iterator[tuple[str, Any]]:
    for name, field in model.model_fields.items():
        kinds = _types(field.annotation)
        inner = next((kind for kind in kinds if issubclass(kind, BaseModel)), None)
        if inner is not None:
            yield from _fields(inner, f"{before}.{name}")
        elif kinds <= {bool, int, float, str, NoneType}:
            yield f"{before}.{name}", field.annotation


def _types(annotation: Any) -> set[type]:
    """The classes that an annotation allows; text for a choice of words."""
    if get_origin(annotation) is Literal:
        return {type(word) for word in get_args(annotation)}
    if get_origin(annotation) is Annotated:
        return _types(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return {kind for inner in get_args(annotation) for kind in _types(inner)}
    return {annotation} if isinstance(annotation, type) else {object}
