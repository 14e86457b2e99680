"""All networks by name. Loading this loads no torch; making one does."""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from msray.errors import UnknownNameError
from msray.models import config as c

if TYPE_CHECKING:
    from msray.models.network import StepNetwork, WindowNetwork


class Entry(NamedTuple):
    """A network: what can be chosen of it, and where it is."""

    config: type[c.NetworkConfig]
    place: str
    is_causal: bool


CATALOG: Mapping[str, Entry] = {
    "linear": Entry(c.LinearConfig, "linear:Linear", True),
    "gru": Entry(c.GRUConfig, "gru:GRU", True),
    "tcn": Entry(c.TCNConfig, "tcn:TCN", True),
    "local_attention": Entry(c.LocalAttentionConfig, "local_attention:LocalAttention", True),
    "boosted": Entry(c.BoostedConfig, "trees:BoostedTrees", True),
    "lstm": Entry(c.LSTMConfig, "lstm:LSTMModel", False),
    "directional": Entry(c.DirectionalLSTMConfig, "directional_lstm:DirectionalLSTM", False),
    "transformer": Entry(c.TransformerConfig, "transformer:TransformerModel", False),
    "bin_ctabl": Entry(c.BiNCTABLConfig, "bin_ctabl:BiNCTABL", False),
    "deep_lob": Entry(c.DeepLOBConfig, "deep_lob:DeepLOB", False),
    "dual_attention": Entry(c.DualAttentionConfig, "dual_attention:DualAttention", False),
    "mixer": Entry(c.MixerConfig, "mixer:Mixer", False),
}


def entry(name: str) -> Entry:
    """What is known of a network.

    Raises
    ------
    UnknownNameError
        If there is none of that name.

    Examples
    --------
    >>> entry("gru").config(features=65).cells
    64
    """
    if name not in CATALOG:
        raise UnknownNameError("model", name, CATALOG)
    return CATALOG[name]


def make_network(name: str, config: c.NetworkConfig) -> "StepNetwork | WindowNetwork":
    """Make a network, its parameters drawn by torch's own generator (``torch.manual_seed``)."""
    module, _, class_name = entry(name).place.partition(":")
    made: Any = getattr(importlib.import_module(f"msray.models.{module}"), class_name)
    network: StepNetwork | WindowNetwork = made(config)
    return network
