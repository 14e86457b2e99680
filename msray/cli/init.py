"""``msray init``: a configuration to start from."""

from pathlib import Path
from typing import Annotated

import typer

from msray.cli.output import Output
from msray.errors import UsageError


def init(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; made if it is not there.")],
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Write msray.yaml, with every key, its default and what it means, and .env.example."""
    from msray.cli.template import ENVIRONMENT, template

    out: Output = context.obj
    texts = {folder / "msray.yaml": template(), folder / ".env.example": ENVIRONMENT}
    there = [str(path) for path in texts if path.exists()]
    if there and not force and not out.confirm(f"{' and '.join(there)} exist. Overwrite?"):
        raise UsageError(f"{' and '.join(there)} must not exist yet; nothing was written", hint="--force overwrites")
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
        out.line(f"wrote {path}")
    out.data({"files": list(texts)})
    out.note(f"next: edit {folder / 'msray.yaml'}, then: msray config check {folder / 'msray.yaml'}")
