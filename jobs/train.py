"""``msray train`` inside a Ray job.

    ray job submit --working-dir . -- python jobs/train.py /data/rb.csv --runs /shared/runs --models /shared/models

It takes the words of ``msray train`` and trains on the cluster that runs the job. Recordings are read where the job's
driver runs: name them as that machine does. The folders of runs and of models must be the same on all nodes, and lie
outside of the job's working copy, which goes away with the job and is another one for the next.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from msray.cli.app import main
from msray.cli.settings_file import load_settings
from msray.errors import MsrayError

WORKING_COPY = Path(__file__).resolve().parents[1]


def folders(words: Sequence[str]) -> Iterator[tuple[str, Path]]:
    """Flag and folder, of runs and of models."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in ("--runs", "--models", "--config"):
        parser.add_argument(flag, type=Path)
    said, _ = parser.parse_known_args(words)
    try:
        settings = load_settings(said.config)
    except MsrayError:
        return  # main says what is wrong
    yield "--runs", said.runs or settings.runs_dir
    yield "--models", said.models or settings.models_dir


def run(words: Sequence[str]) -> int:
    """Train, unless what comes out would be lost."""
    for flag, folder in () if "--help" in words else folders(words):
        if folder.resolve().is_relative_to(WORKING_COPY):
            shared = f"/shared/{flag.removeprefix('--')}"
            sys.stderr.write(f"{flag} must lie outside of the job's working copy, as {shared}, got {folder}\n")
            return 2
    return main(["train", *words])


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
