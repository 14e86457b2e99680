"""The report of a search as one HTML document."""

from msray.tuning.report import TuneReport


def tune_page(report: TuneReport, *, run_id: str = "") -> str:
    """Write a report for people."""
    return report.verdict
