"""What a search assumes: how many trials, on which folds, by what they are judged, and what may be chosen."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from msray.tuning.space import Axis

MOST_HELD_OUT = 0.5


class TuneConfig(BaseModel):
    """The section ``tune`` of a configuration.

    Examples
    --------
    >>> TuneConfig(space={"backtest.profit_target_pct": {"low": 0.0002, "high": 0.005, "log": True}}).trials
    50
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True, validate_default=True
    )

    trials: Annotated[int, Field(ge=1, le=10_000)] = 50
    """Sets of parameters that are tried."""
    folds: Annotated[int, Field(ge=2, le=20)] = 5
    """Pieces of time that each of them is tried on."""
    held_out: Annotated[float, Field(ge=0.05, le=MOST_HELD_OUT)] = 0.2
    """Share of the time, the last, that no trial sees: what was best is tried on it once."""
    embargo_seconds: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    """Time behind each fold in which the next has not begun, in seconds."""
    objective: Literal["net_return", "sharpe"] = "net_return"
    """What is to be as high as possible, as a mean over the folds. net_return: what is left after all costs, as a
    fraction of the capital; sharpe: the mean over the deviation of what the account changed by in equal times. Who does
    not trade has 0 in both."""
    prunes: bool = True
    """Whether a set of parameters is given up after some folds if two thirds of the others did better on them."""
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """Of the search."""
    space: Annotated[dict[str, Axis], Field(max_length=32)] = {}
    """What may be chosen, by names of this file: backtest.profit_target_pct: {low: 0.0002, high: 0.005, log: true}, or
    backtest.maker.model: {choices: [glft, avellaneda_stoikov]}. Left out: what the strategy offers."""
