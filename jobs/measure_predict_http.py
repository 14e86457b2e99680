"""Predictions over HTTP: ``POST /api/v1/predict`` through Serve, without Ray, and the model alone; replicas under load.

    python jobs/measure_predict_http.py [--json] [--models DIR --model NAME] [--rows 10] [--rates 20,50,100]
        [--seconds 10] [--only latency,scale]

Without ``--models`` a small ensemble is trained for one epoch on the first hours of SHFE's rebar (MSRAY_DATA): how fast
it answers does not depend on how well. Latency counts from the moment a question was due, so waiting is part of it.
"""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from figures import Figure, arguments, report
from predict_http import http_figures, scale_figures

DATA = "shfe_rb2510_l5"
TRAINED = ("--until", "2025-06-05T03:00:00Z", "--epochs", "1", "--seeds", "1", "--horizons", "10,50", "--name", "small")


def main() -> int:
    """Measure what was asked for."""
    parser = arguments(__doc__)
    parser.add_argument("--models", type=Path, help="a registry; else one is made")
    parser.add_argument("--model", default="small:1", help="NAME, NAME@ALIAS or NAME:VERSION of it")
    parser.add_argument("--rows", type=int, default=10, help="of a window, and the model's at least")
    parser.add_argument("--rates", default="20,50,100", help="questions a second, comma-separated")
    parser.add_argument("--seconds", type=float, default=10.0, help="that each rate lasts")
    parser.add_argument("--only", default="latency,scale", help="parts, comma-separated")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        models = options.models or _trained(Path(folder), options.data / DATA)
        return report(_figures(options, models), as_json=options.json) if models else 3


def _figures(options: Any, models: Path) -> list[Figure]:
    figures: list[Figure] = []
    parts = options.only.split(",")
    if "latency" in parts:
        rates = [float(rate) for rate in options.rates.split(",")]
        figures += http_figures(models, options.model, rates, options.seconds, options.rows)
    if "scale" in parts:
        figures += scale_figures(models, options.model, options.rows)
    return figures


def _trained(folder: Path, data: Path) -> Path | None:
    """A registry with an ensemble in it."""
    if not data.is_dir():
        sys.stderr.write(f"no recording at {data}: set MSRAY_DATA, or name a registry with --models\n")
        return None
    types = [word for name in ("gru", "bin_ctabl") for word in ("--model-type", name)]
    places = ["--models", str(folder / "models"), "--runs", str(folder / "runs")]
    command = [sys.executable, "-m", "msray", "train", str(data), *TRAINED, *types, *places]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder / "models"


if __name__ == "__main__":
    sys.exit(main())
