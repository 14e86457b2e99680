"""``ServedModel``: all that is needed to predict with a trained model, and no torch."""

from dataclasses import dataclass

from msray.models.mixture import Mixture


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServedMember:
    """One network.

    Attributes
    ----------
    name
        Within its model.
    onnx
        As :func:`msray.models.onnx.to_onnx` writes it.
    window
        Rows that it looks at; None: it is stepped, row by row.
    """

    name: str
    onnx: bytes
    window: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ServedModel:
    """A model of the registry, ready to predict.

    Attributes
    ----------
    name, version, digest
        Which.
    features
        Columns of the rows that it reads, in order, of :data:`msray.features.CATALOGUE`.
    horizons
        Rows that it looks ahead, rising.
    thresholds
        Of each horizon: a larger change is up, one below its negative is down; fractions.
    family, smoothing
        What is compared with what; see :class:`msray.training.labels.LabelConfig`.
    members
        Its networks.
    mixture
        What they say together.
    """

    name: str
    version: int
    digest: str
    features: tuple[str, ...]
    horizons: tuple[int, ...]
    thresholds: tuple[float, ...]
    family: str
    smoothing: int = 1
    members: tuple[ServedMember, ...]
    mixture: Mixture

    @property
    def words(self) -> str:
        """``NAME:VERSION``."""
        return f"{self.name}:{self.version}"

    @property
    def is_stepped(self) -> bool:
        """Whether a member goes on row by row."""
        return any(member.window is None for member in self.members)

    @property
    def window(self) -> int:
        """Most rows that a member looks at; 0 where all are stepped."""
        return max((member.window or 0 for member in self.members), default=0)
