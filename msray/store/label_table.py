"""Labels as a Parquet table, units in the names of its columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from msray.backtest.labelling import LabelledTape

_SCHEMA = [
    ("instrument", pa.string()),
    ("signal_id", pa.string()),
    ("signal_type", pa.string()),
    ("score", pa.float64()),
    ("begin_ns", pa.int64()),
    ("end_ns", pa.int64()),
    ("side", pa.int8()),
    ("barrier", pa.int8()),
    ("label", pa.int8()),
    ("gross_return_fraction", pa.float64()),
    ("uniqueness", pa.float64()),
]


def label_schema(families: Sequence[str]) -> pa.Schema:
    """Columns of a table of labels, with three for each fixed horizon."""
    columns = list(_SCHEMA)
    for name in families:
        columns += [
            (f"{name}_end_ns", pa.int64()),
            (f"{name}_label", pa.int8()),
            (f"{name}_change_fraction", pa.float64()),
        ]
    return pa.schema(columns)


def label_columns(labelled: LabelledTape, *, of_signals: bool) -> dict[str, Any]:
    """Labels as columns of :func:`label_schema`.

    Parameters
    ----------
    labelled
        Labels of one instrument.
    of_signals
        Whether its events are the signals of the tape; else those columns are null.
    """
    labels = labelled.labels
    signals = [labelled.tape.signals[event] for event in labels.event.tolist()] if of_signals else [None] * len(labels)
    columns: dict[str, Any] = {
        "instrument": [labelled.tape.instrument.id] * len(labels),
        "signal_id": [signal and signal.signal_id for signal in signals],
        "signal_type": [signal and signal.signal_type for signal in signals],
        "score": [signal and signal.score for signal in signals],
        "begin_ns": labels.spans[:, 0].copy(),
        "end_ns": labels.spans[:, 1].copy(),
        "side": labels.side,
        "barrier": labels.barrier,
        "label": labels.label,
        "gross_return_fraction": labels.gross_return,
        "uniqueness": labelled.uniqueness,
    }
    for name, horizon in labelled.horizons.items():
        unknown = np.logical_not(horizon.is_known)
        columns[f"{name}_end_ns"] = pa.array(horizon.end_ns, mask=unknown)
        columns[f"{name}_label"] = pa.array(horizon.label, mask=unknown)
        columns[f"{name}_change_fraction"] = pa.array(horizon.change, mask=unknown)
    return columns
