"""msray: real-time market microstructure on Ray.

The names users know are importable from here and loaded on first use, so that ``import msray`` costs nothing::

    >>> from msray import OrderBookParser
"""

from msray.faces import lazily

__version__ = "0.1.0"

_WHERE = {
    "APIServer": "msray.api.server",
    "BacktestConfig": "msray.backtest.config",
    "BacktestingEngine": "msray.backtest.engine",
    "DataStreamer": "msray.feeds.stream",
    "DirectionalLSTM": "msray.models.directional_lstm",
    "FeatureEngineering": "msray.features.engineering",
    "HyperparameterOptimizer": "msray.on_ray.tuning",
    "LSTMModel": "msray.models.lstm",
    "ModelServer": "msray.api.model_server",
    "OrderBookParser": "msray.venues.parser",
    "PortfolioManager": "msray.backtest.portfolio",
    "PredictionEngine": "msray.prediction.engine",
    "PredictorConfig": "msray.on_ray.predictor",
    "RealTimePredictor": "msray.on_ray.predictor",
    "RiskManager": "msray.backtest.risk",
    "TrainingOrchestrator": "msray.on_ray.training",
    "TransformerModel": "msray.models.transformer",
    "create_synthetic_order_book_data": "msray.book.synthetic",
    "run_api_server_async": "msray.api.server",
}
"""Public name -> the module that defines it."""

__getattr__ = lazily(__name__, _WHERE)


def __dir__() -> list[str]:
    return [*globals(), *_WHERE]
