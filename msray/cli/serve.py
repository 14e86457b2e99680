"""``msray serve``: the HTTP API with trained models on Ray Serve, for a machine that only predicts."""

import contextlib
import signal
import time
from pathlib import Path
from typing import Annotated

import typer

from msray.cli.live import alone, keep_ray_quiet, leave, running_address
from msray.cli.output import Output
from msray.cli.served_models import Folder, Named, served_models


def serve(
    context: typer.Context,
    models: Folder = None,
    model: Named = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port; else api.port.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")] = None,
    address: Annotated[
        str | None, typer.Option(envvar="RAY_ADDRESS", help="A Ray cluster to join; else one is started here.")
    ] = None,
    seconds: Annotated[float | None, typer.Option(min=0.0, help="Stay so long, then end.")] = None,
) -> None:
    """Serve trained models over HTTP on a Ray cluster, in as many replicas as the load needs.

    Without --model and predict.models, all that are promoted to production. What an alias stands for is followed. It
    returns when requests are answered, and the cluster goes on: `msray down` ends it. Where `msray live` runs, its API
    answers for the models. `msray api` serves them in one process, without Ray.
    """
    from msray.cli.api import api_config
    from msray.cli.settings_file import load_settings
    from msray.on_ray import head, predicting, session
    from msray.on_ray.ensemble import EnsembleConfig

    out: Output = context.obj
    keep_ray_quiet(context, out)
    settings = load_settings(config)
    folder, words = served_models(settings, models, model, else_promoted=True)
    api = api_config(settings, port=port)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with alone(settings.state_dir), contextlib.ExitStack() as end:
        address = running_address(settings, address)
        starts_head = address is None
        end.callback(leave, settings, stops_head=starts_head)
        session.join(address or head.start_head(settings.state_dir).address)
        predicting.start_predicting(api, EnsembleConfig(models_dir=folder, models=words))
        end.callback(predicting.stop_predicting, ends_cluster=starts_head)
        url = f"http://{api.host}:{api.port}"
        out.data({"url": url, "models": list(words)})
        out.line(f"{', '.join(words)}: {url}/api/v1/predict; msray down ends it")
        if seconds is None:
            end.pop_all()
        else:
            time.sleep(seconds)
