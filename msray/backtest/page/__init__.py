"""The report of a backtest as one HTML document."""

from msray.backtest.page.document import report_page

__all__ = ["report_page"]
