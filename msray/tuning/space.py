"""What a search may choose: for each parameter an ``Axis``, its range or its choices."""

import math
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

Value = bool | int | float | str
"""Of a parameter."""
Parameters = Mapping[str, Value]
"""One value for each name of a search space."""


class Axis(BaseModel):
    """The values that a parameter may take: all from one number to another, or some that are named.

    Examples
    --------
    >>> Axis(low=0.0002, high=0.005, log=True).ends
    (0.0002, 0.005)
    >>> Axis(choices=("glft", "avellaneda_stoikov")).ends
    ('glft', 'avellaneda_stoikov')
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    low: float | None = None
    """Least value."""
    high: float | None = None
    """Largest value, itself among them."""
    log: bool = False
    """Whether to search by ratios: as much between 0.001 and 0.002 as between 0.01 and 0.02."""
    whole: bool = False
    """Whether only whole numbers are meant; parameters of the configuration know that of themselves."""
    choices: Annotated[tuple[Value, ...], Field(max_length=1000)] = ()
    """Instead of a range: the values."""

    @model_validator(mode="after")
    def _is_one_kind(self) -> Self:
        if self.choices:
            if self.low is not None or self.high is not None:
                raise PydanticCustomError("axis", "must have either low and high or choices, got both")
            if len(set(self.choices)) < len(self.choices):
                raise PydanticCustomError("axis", "choices must be different")
        elif self.low is None or self.high is None:
            raise PydanticCustomError("axis", "must have low and high, or choices")
        elif not self.low < self.high:
            raise PydanticCustomError(
                "axis", "low must be below high, got {low} and {high}", {"low": self.low, "high": self.high}
            )
        elif self.log and self.low <= 0:
            raise PydanticCustomError("axis", "low must be above 0 where log is true, got {low}", {"low": self.low})
        elif self.whole and math.ceil(self.low) > math.floor(self.high):
            raise PydanticCustomError(
                "axis",
                "low to high must hold a whole number, got {low} to {high}",
                {"low": self.low, "high": self.high},
            )
        return self

    @property
    def ends(self) -> tuple[Value, ...]:
        """The values that must be right for all others to be: both ends of a range, or every choice."""
        if self.low is None or self.high is None:
            return self.choices
        return (math.ceil(self.low), math.floor(self.high)) if self.whole else (self.low, self.high)


SearchSpace = Mapping[str, Axis]
"""Axes by the names of their parameters."""
