"""What can be chosen of each network, with bounds. Loading this loads no torch."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Width = Annotated[int, Field(ge=1, le=4096)]
Depth = Annotated[int, Field(ge=1, le=16)]
Window = Annotated[int, Field(ge=2, le=4096)]
Dropout = Annotated[float, Field(ge=0, lt=1)]


class NetworkConfig(BaseModel):
    """What every network is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    features: Width
    """Numbers in a row."""
    horizons: Annotated[int, Field(ge=1, le=64)] = 1
    """Labels of a row: each horizon has its own classes."""
    classes: Annotated[int, Field(ge=2, le=16)] = 3
    """Of each label: down, flat, up, in this order."""


class WindowConfig(NetworkConfig):
    """A network that looks at the latest rows anew for each prediction."""

    window: Window = 100
    """Rows it looks at."""


class HeadsConfig(NetworkConfig):
    """A network with attention."""

    width: Width = 64
    """Of each layer; a multiple of ``heads``."""
    heads: Annotated[int, Field(ge=1, le=64)] = 4
    """Attentions side by side."""

    @model_validator(mode="after")
    def _can_be_parted(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width must be a multiple of heads, got {self.width} and {self.heads}")
        return self


class GRUConfig(NetworkConfig):
    """See :class:`~msray.models.gru.GRU`."""

    cells: Width = 64
    """Width of the memory."""
    layers: Depth = 1
    """Cells on top of each other."""
    dropout: Dropout = 0.2
    """Share of numbers that are left out in training."""


class TCNConfig(NetworkConfig):
    """See :class:`~msray.models.tcn.TCN`."""

    channels: Width = 64
    """Width of each layer."""
    layers: Annotated[int, Field(ge=1, le=12)] = 6
    """Each looks back twice as far as the one below."""
    kernel: Annotated[int, Field(ge=2, le=16)] = 3
    """Rows that a layer combines."""
    dropout: Dropout = 0.2
    """Share of numbers that are left out in training."""


class LocalAttentionConfig(HeadsConfig):
    """See :class:`~msray.models.local_attention.LocalAttention`."""

    width: Width = 96
    """Of each layer; a multiple of ``heads``."""
    layers: Depth = 3
    """On top of each other."""
    reach: Window = 32
    """Rows that a layer looks at, the current one included."""
    dropout: Dropout = 0.2
    """Share of numbers that are left out in training."""


class LinearConfig(NetworkConfig):
    """See :class:`~msray.models.linear.Linear`."""


class BoostedConfig(NetworkConfig):
    """See :class:`~msray.models.trees.BoostedTrees`.

    Of how it is trained ``epochs`` (into so many parts its trees are cut), ``patience`` and ``seed`` count.
    """

    trees: Annotated[int, Field(ge=1, le=2_000)] = 150
    """Of each horizon and class, at most: rows that choose say how many are kept."""
    leaves: Annotated[int, Field(ge=2, le=256)] = 8
    """Of a tree, at most."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    """Share of what it found out that each tree adds."""
    least_rows: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    """In a leaf, of those that are learned from."""
    share_of_features: Annotated[float, Field(gt=0, le=1)] = 0.3
    """That each split chooses from, drawn anew."""


class LSTMConfig(WindowConfig):
    """See :class:`~msray.models.lstm.LSTMModel`."""

    cells: Width = 128
    """Width of the memory in each direction."""
    layers: Depth = 2
    """On top of each other."""
    dropout: Dropout = 0.2
    """Share of numbers that are left out in training."""


class DirectionalLSTMConfig(LSTMConfig):
    """See :class:`~msray.models.directional_lstm.DirectionalLSTM`."""

    cells: Width = 256
    """Width of the memory in each direction."""


class TransformerConfig(WindowConfig, HeadsConfig):
    """See :class:`~msray.models.transformer.TransformerModel`."""

    layers: Depth = 2
    """On top of each other."""
    dropout: Dropout = 0.1
    """Share of numbers that are left out in training."""


class BiNCTABLConfig(WindowConfig):
    """See :class:`~msray.models.bin_ctabl.BiNCTABL`."""

    window: Window = 10
    """Rows it looks at."""
    hidden: tuple[Width, Width] = (60, 120)
    """Features behind the first and the second bilinear layer."""
    steps: tuple[Width, Width] = (10, 5)
    """Rows behind them."""
    dropout: Dropout = 0.1
    """Share of numbers that are left out in training."""


class DeepLOBConfig(WindowConfig):
    """See :class:`~msray.models.deep_lob.DeepLOB`. Its ``features`` are prices and sizes of levels: 4 a level."""

    channels: Width = 32
    """Of the convolutions over levels."""
    branches: Width = 64
    """Channels of each branch of the inception."""
    cells: Width = 64
    """Of the LSTM on top."""


class DualAttentionConfig(WindowConfig):
    """See :class:`~msray.models.dual_attention.DualAttention`."""

    window: Window = 128
    """Rows it looks at."""
    width: Width = 144
    """Of a row inside."""
    layers: Depth = 4
    """Pairs of attentions, over features and over time."""
    heads: Annotated[int, Field(ge=1, le=64)] = 1
    """Attentions side by side."""


class MixerConfig(WindowConfig):
    """See :class:`~msray.models.mixer.Mixer`."""

    window: Window = 128
    """Rows it looks at."""
    width: Width = 144
    """Of a row inside."""
    layers: Depth = 3
    """Pairs of mixers, over features and over time."""
