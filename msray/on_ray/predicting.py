"""Serving of models on a cluster where nothing else needs to run: the API, its ledger and board, and the ensemble."""

import contextlib

from ray import serve

from msray.api.config import ApiConfig
from msray.errors import UsageError
from msray.on_ray.board import start_board
from msray.on_ray.calls import answer_now
from msray.on_ray.ensemble import EnsembleConfig, check_models, start_ensemble
from msray.on_ray.environment import free_port
from msray.on_ray.ledger_actor import start_ledger
from msray.on_ray.running import is_live, served, stop_live
from msray.on_ray.serving import start_api, start_serve
from msray.on_ray.session import API_APP, ENSEMBLE_APP


def start_predicting(api: ApiConfig, ensemble: EnsembleConfig) -> None:
    """Start what does not run yet on the cluster that this process has joined; returns when it answers.

    Parameters
    ----------
    api
        Of the API; where one runs, as with live detection, that one is kept as it is.
    ensemble
        Which models.

    Raises
    ------
    UsageError
        If models are served on this cluster already, or the port is taken.
    UnknownNameError, ModelRefusedError
        If a model is not there.
    UnavailableError
        If somebody else writes the ledger; it names the holder.
    """
    check_models(ensemble)
    running = served()
    if ENSEMBLE_APP in running:
        raise UsageError("models are served on this cluster already", hint="msray down ends it")
    if API_APP in running:
        start_ensemble(ensemble)
        return
    if is_live():
        raise UsageError("live detection runs on this cluster without its API", hint="start it without --no-api")
    if free_port(api.port) != api.port:
        raise UsageError(f"api.port must be free, got {api.port}, which is taken", hint="--port 8001")
    ledger = start_ledger(api.ledger_url.get_secret_value())
    with contextlib.ExitStack() as undo:
        undo.callback(stop_live)
        answer_now(ledger.reasons.remote())
        answer_now(start_board().look.remote())
        start_serve(api)
        start_ensemble(ensemble)
        start_api(api)
        undo.pop_all()


def stop_predicting(*, ends_cluster: bool = False) -> None:
    """Stop what :func:`start_predicting` started; live detection and its API go on.

    Parameters
    ----------
    ends_cluster
        Whether the cluster ends next and takes the rest along.
    """
    if is_live():
        serve.delete(ENSEMBLE_APP)
    else:
        stop_live(ends_cluster=ends_cluster)
