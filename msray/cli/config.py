"""``msray config``: is it right, what is in force, what is possible."""

import json
from pathlib import Path
from typing import Annotated

import typer

from msray.cli.output import Output
from msray.errors import ConfigError

app = typer.Typer()

_File = Annotated[Path | None, typer.Argument(metavar="FILE", help="By default msray.yaml in the working directory.")]


@app.command("check")
def check(context: typer.Context, file: _File = None) -> None:
    """Check a configuration file, and what the environment adds to it; exit code 2 if anything is wrong."""
    from msray.cli.settings_file import DEFAULT_FILE, load_settings

    out: Output = context.obj
    path = file or DEFAULT_FILE
    if not path.exists():
        raise ConfigError(f"{path} is not there", hint="name a file, or write one with: msray init .")
    settings = load_settings(path)
    out.data({"file": path, "profile": settings.profile, "instruments": settings.instruments})
    out.line(f"{path}: good (profile {settings.profile}, {len(settings.instruments)} instruments)")


@app.command("show")
def show(context: typer.Context, file: _File = None) -> None:
    """Show what is in force: environment over file over defaults; secrets are hidden."""
    import yaml

    from msray.cli.settings_file import load_settings, shown

    out: Output = context.obj
    tree = shown(load_settings(file))
    out.data(tree)
    out.line(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).rstrip())


@app.command("schema")
def schema(context: typer.Context) -> None:
    """Print the JSON schema of a configuration file, for editors."""
    from msray.cli.settings import Settings

    out: Output = context.obj
    tree = Settings.model_json_schema() | {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "msray"}
    out.data(tree)
    out.line(json.dumps(tree, indent=2))
