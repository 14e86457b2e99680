"""Predictions as shards show them, and what came of them."""

import dataclasses
from typing import Any

from msray.api.state import InstrumentSnapshot
from msray.market import Prediction, PredictionScore
from tests.clocks import START_NS
from tests.store.examples import BTC


def a_prediction(number: int = 1, **changes: Any) -> Prediction:
    words: dict[str, Any] = {
        "prediction_id": f"{number:032x}",
        "instrument": BTC,
        "model": "small:1",
        "digest": "a" * 64,
        "event_ns": START_NS + number,
        "event_id": number,
        "price": 61_000.5,
        "horizons": (2, 5),
        "chances": ((0.2, 0.5, 0.3), (0.1, 0.2, 0.7)),
        "directions": (0, 1),
        "is_sure": (False, True),
        "votes": {"gru": (0, 1)},
    }
    return Prediction(**words | changes)


def a_score(**changes: Any) -> PredictionScore:
    shares = {one.name: 0.5 for one in dataclasses.fields(PredictionScore)}
    words: dict[str, Any] = {"model": "small:1", "digest": "a" * 64, "horizon": 2, "rows": 10}
    return PredictionScore(**shares | words | changes)


def predicted(*numbers: int, instrument: str = BTC, **changes: Any) -> InstrumentSnapshot:
    """An instrument with these predictions."""
    made = tuple(a_prediction(number, instrument=instrument) for number in numbers)
    words: dict[str, Any] = {"instrument": instrument, "state": "synced", "event_ns": START_NS, "predictions": made}
    return InstrumentSnapshot(**words | changes)
