"""Models and what they say, as JSON-able documents."""

import dataclasses
from typing import Any

from msray.api.models import ModelStatus
from msray.api.state import InstrumentSnapshot
from msray.market import Prediction
from msray.models.classes import NO_LABEL
from msray.prediction.runner import Answers
from msray.store.ledger_records import rfc3339


def answer_document(answers: Answers, at: int) -> dict[str, Any]:
    """What is said of one of several windows."""
    return {
        "chances": answers.chances[at].tolist(),
        "directions": answers.directions[at].tolist(),
        "is_sure": answers.is_sure[at].tolist(),
        "votes": {
            name: [None if vote == NO_LABEL else vote for vote in votes[at].tolist()]
            for name, votes in answers.votes.items()
        },
    }


def model_document(model: ModelStatus) -> dict[str, Any]:
    """A model that serves, or should."""
    words = {field.name: getattr(model, field.name) for field in dataclasses.fields(model)}
    worth = [dataclasses.asdict(one) for one in words.pop("worth")]
    state = "serving" if model.is_served else "unavailable"
    return {**words, "state": state, "least_rows": model.least_rows, "worth": worth}


def predictions_document(snapshot: InstrumentSnapshot) -> dict[str, Any]:
    """The latest of each model for an instrument."""
    return {
        "instrument": snapshot.instrument,
        "predictions": [prediction_document(one) for one in snapshot.predictions],
    }


def performance_document(snapshot: InstrumentSnapshot, model: str) -> list[dict[str, Any]]:
    """What came of a model's predictions of an instrument: ``NAME``, or ``NAME:VERSION`` alone."""
    return [
        {"instrument": snapshot.instrument, **dataclasses.asdict(one)}
        for one in snapshot.performance
        if model in (one.model, one.model.partition(":")[0])
    ]


def prediction_document(one: Prediction) -> dict[str, Any]:
    """One of them."""
    words = {field.name: getattr(one, field.name) for field in dataclasses.fields(one)}
    return words | {"event_time": rfc3339(one.event_ns), "votes": dict(one.votes)}
