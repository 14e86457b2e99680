"""``msray api``: the HTTP API with a ledger of its own, and trained models, on one port."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msray.cli.event_loop import run
from msray.cli.output import Output
from msray.cli.served_models import Folder, Named, served_models
from msray.errors import ConfigError

if TYPE_CHECKING:
    from msray.api.config import ApiConfig
    from msray.cli.settings import Settings


def api(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(help="Address to listen on; with keys it may be any.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = None,
    ledger: Annotated[str | None, typer.Option(metavar="URL", help="Path or URL of the ledger.")] = None,
    keys: Annotated[Path | None, typer.Option(metavar="FILE", help="Hashes of keys, see below.")] = None,
    models: Folder = None,
    model: Named = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Configuration; else msray.yaml, if any.")] = None,
) -> None:
    """Serve the HTTP API: submit signals, read them back, predict, health and metrics. Documentation is at /docs.

    Models are those of --model, else of predict.models; with --models and neither, all that are promoted there.

    A key file has a line for each key: its sha256 in hexadecimal, its scopes (read, ingest, admin; commas between) and
    a name. MSRAY_API_KEY names one key that may do everything. Without any key the API is open, to this machine only.

    Ctrl-C and SIGTERM end it once requests under way are answered, with exit code 0.
    """
    from msray.api.server import APIServer
    from msray.cli.settings_file import load_settings

    out: Output = context.obj
    said = load_settings(config)
    served = served_models(said, models, model, else_promoted=models is not None)
    settings = api_config(said, host=host, port=port, ledger=ledger, keys=keys, served=served)
    server = APIServer(settings)

    def started(url: str) -> None:
        out.data({"url": url})
        out.note(
            f"listening on {url}" + (f", documentation at {url}/docs" if settings.profile == "development" else "")
        )

        for one in server.models():
            out.note(f"{one.words}: " + (one.problem or f"version {one.version} answers at {url}/api/v1/predict"))

    run(server.serve(started))


def api_config(
    settings: "Settings",
    *,
    host: str | None = None,
    port: int | None = None,
    ledger: str | None = None,
    keys: Path | None = None,
    instruments: tuple[str, ...] | None = None,
    served: tuple[Path, tuple[str, ...]] | None = None,
) -> "ApiConfig":
    """The API as configured, but for what is said here.

    Raises
    ------
    ConfigError
        If it would be open to other machines without a key.
    """
    from pydantic import SecretStr, ValidationError

    from msray.api.config import ApiConfig

    models_dir, models = served or (settings.models_dir, ())
    try:
        return ApiConfig(
            host=settings.api.host if host is None else host,
            port=settings.api.port if port is None else port,
            ledger_url=settings.ledger if ledger is None else SecretStr(ledger),
            keys_file=settings.api.keys_file if keys is None else keys,
            api_key=settings.api.key,
            profile=settings.profile,
            cors_origins=settings.api.cors_origins,
            instruments=settings.instruments if instruments is None else instruments,
            signal_types=tuple(watch.name for watch in settings.detection.watches),
            models_dir=models_dir,
            models=models,
        )
    except ValidationError as error:
        message = str(error.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
        raise ConfigError(message, hint="set MSRAY_API_KEY, or name a file of keys in api.keys_file") from error
