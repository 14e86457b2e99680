"""How the feed is doing, and the time of day.

``feed_latency_ms`` is the one column that reads local time: a replay elsewhere would see other values, so it must never
feed a detector.
"""

from msray.features.feature import Feature

_DAY = "of 2 pi times the share of the UTC day gone at t"

FEED = (
    Feature(
        "feed_latency_ms",
        "ms",
        "local - exchange time, less its least value in the epoch so far (the clocks' offset and the fastest way); "
        "NaN without either time",
        "definition",
        "feed",
        "local",
    ),
    Feature(
        "staleness_ms",
        "ms",
        "event time between the depth message before and this one, never below 0; NaN in the first row",
        "definition",
        "feed",
    ),
    Feature("seconds_of_day_sin", "1", f"sin {_DAY}", "definition", "feed"),
    Feature("seconds_of_day_cos", "1", f"cos {_DAY}", "definition", "feed"),
)
"""The 4 columns of the family, in catalogue order."""
