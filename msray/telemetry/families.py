"""Every Prometheus name, label and bucket, declared once. Nothing else is ever exposed."""

from dataclasses import dataclass
from typing import Literal

OTHER = "other"
"""Label value of every symbol, signal type and route that is not one of the known ones, so that series stay few."""

_FAST_S = (0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1)
_SLOW_S = (0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SIGNALS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its series.

    Attributes
    ----------
    name
        As it is exposed; counters end in ``_total``, times are in ``_seconds``.
    kind
        ``counter`` grows only; ``gauge`` is the latest value; ``histogram`` counts observations by ``buckets``.
    help
        One line for people.
    labels
        Names of the labels, in the order in which values are given.
    buckets
        Upper bounds, ascending, without infinity.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


SIGNALS = Family("microstructure_signals_total", "counter", "Signals stored.", ("signal_type", "symbol"))
ALERTS_SENT = Family("microstructure_alerts_sent_total", "counter", "Alerts by outcome.", ("channel", "status"))
ACTIVE_SIGNALS = Family("microstructure_active_signals", "gauge", "Signals stored of late.", ("signal_type",))
DETECTION_SCORE = Family(
    "microstructure_detection_score", "gauge", "Score of the newest signal, 0 to 1.", ("symbol", "signal_type")
)
SIGNAL_PROCESSING = Family(
    "microstructure_signal_processing_seconds", "histogram", "From a batch of records to its signals.", (), _FAST_S
)
ALERT_LATENCY = Family(
    "microstructure_alert_latency_seconds", "histogram", "From a signal's storage to its alert.", ("channel",), _SLOW_S
)

BOOK_STATE = Family("microstructure_book_state", "gauge", "1 for the state the book is in.", ("symbol", "state"))
LAST_EVENT = Family(
    "microstructure_last_event_timestamp_seconds", "gauge", "Local time of the latest message.", ("symbol",)
)
MESSAGES = Family("microstructure_messages_total", "counter", "Messages taken from venues.", ("symbol", "kind"))
GAPS = Family("microstructure_book_gaps_total", "counter", "Times a book became unknown.", ("symbol",))
RESYNCS = Family("microstructure_book_resyncs_total", "counter", "Snapshots a book was rebuilt from.", ("symbol",))
REFUSED = Family("microstructure_messages_refused_total", "counter", "Messages that could not be read.", ("symbol",))
RECONNECTS = Family("microstructure_feed_reconnects_total", "counter", "Connections made anew.", ("venue",))

COMMIT = Family("microstructure_ledger_commit_seconds", "histogram", "One group commit.", (), _SLOW_S)
COMMIT_SIGNALS = Family("microstructure_ledger_commit_signals", "histogram", "Signals in a commit.", (), _SIGNALS)
OUTBOX = Family("microstructure_outbox_messages", "gauge", "Messages waiting, under way or given up.", ("state",))
HTTP_REQUESTS = Family(
    "microstructure_http_requests_total", "counter", "Requests by route template.", ("method", "route", "status")
)
HTTP_SECONDS = Family(
    "microstructure_http_request_seconds", "histogram", "Time to answer, by route template.", ("route",), _SLOW_S
)
STREAM_SOCKETS = Family("microstructure_stream_sockets", "gauge", "Open sockets of the stream.")
STREAM_FRAMES = Family("microstructure_stream_frames_total", "counter", "Frames sent to sockets.", ("type",))
STREAM_SKIPPED = Family(
    "microstructure_stream_skipped_total", "counter", "Books that slow sockets did not get, since newer ones came."
)
STREAM_CUT = Family("microstructure_stream_cut_total", "counter", "Sockets that we ended, by close code.", ("code",))

PREDICTION_CACHE = Family(
    "microstructure_prediction_cache_total", "counter", "Windows to predict from, known (hit) or not.", ("outcome",)
)
PREDICTION_SECONDS = Family(
    "microstructure_prediction_seconds", "histogram", "Time to answer a batch of windows.", ("model",), _SLOW_S
)
PREDICTION_WAIT = Family(
    "microstructure_prediction_wait_seconds", "histogram", "Time a question waits for its turn.", (), _SLOW_S
)
PREDICTION_BATCH = Family(
    "microstructure_prediction_batch_windows", "histogram", "Windows answered in one go.", ("model",), _SIGNALS
)
MODEL_LOADS = Family(
    "microstructure_model_loads_total", "counter", "Models loaded to be served, or refused.", ("model", "outcome")
)

PAPER_EQUITY = Family("microstructure_paper_equity", "gauge", "Value of the paper account, quote units.")
PAPER_POSITION = Family("microstructure_paper_position", "gauge", "Held on paper, in the venue's units.", ("symbol",))
PAPER_ORDERS = Family("microstructure_paper_orders_total", "counter", "Orders sent on paper.")
PAPER_FILLS = Family("microstructure_paper_fills_total", "counter", "Trades on paper.")
PAPER_REFUSALS = Family(
    "microstructure_paper_refusals_total", "counter", "Orders not sent, by the limit they would break.", ("limit",)
)
PAPER_HALTED = Family("microstructure_paper_halted", "gauge", "1 where the limits of loss have ended paper trading.")
PAPER_FAILED = Family("microstructure_paper_failed", "gauge", "1 where an error has ended paper trading.")

PREDICTIONS = Family("microstructure_predictions_total", "counter", "Predictions made.", ("model", "symbol"))
PREDICTION_STEP = Family(
    "microstructure_prediction_step_seconds", "histogram", "Time that a row takes a model.", ("model",), _FAST_S
)
PREDICTION_DROPPED = Family(
    "microstructure_prediction_rows_dropped_total",
    "counter",
    "Rows that a model did not see, since it was behind.",
    ("model", "symbol"),
)
PREDICTION_UNANSWERED = Family(
    "microstructure_predictions_unanswered_total",
    "counter",
    "Predictions not made, since whoever shows windows to the model gave no answer.",
    ("model", "symbol"),
)
PREDICTION_SCORE = Family(
    "microstructure_prediction_score",
    "gauge",
    "What came of the latest predictions: accuracy, base_rate, committed_accuracy, committed_coverage, ece.",
    ("model", "symbol", "horizon", "figure"),
)

FAMILIES = (
    SIGNALS,
    ALERTS_SENT,
    ACTIVE_SIGNALS,
    DETECTION_SCORE,
    SIGNAL_PROCESSING,
    ALERT_LATENCY,
    BOOK_STATE,
    LAST_EVENT,
    MESSAGES,
    GAPS,
    RESYNCS,
    REFUSED,
    RECONNECTS,
    COMMIT,
    COMMIT_SIGNALS,
    OUTBOX,
    HTTP_REQUESTS,
    HTTP_SECONDS,
    STREAM_SOCKETS,
    STREAM_FRAMES,
    STREAM_SKIPPED,
    STREAM_CUT,
    PREDICTION_CACHE,
    PREDICTION_SECONDS,
    PREDICTION_WAIT,
    PREDICTION_BATCH,
    MODEL_LOADS,
    PAPER_EQUITY,
    PAPER_POSITION,
    PAPER_ORDERS,
    PAPER_FILLS,
    PAPER_REFUSALS,
    PAPER_HALTED,
    PAPER_FAILED,
    PREDICTIONS,
    PREDICTION_STEP,
    PREDICTION_DROPPED,
    PREDICTION_UNANSWERED,
    PREDICTION_SCORE,
)
