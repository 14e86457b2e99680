"""Folders that a job writes to: they must outlast its working copy, and be the same on all nodes."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from msray.cli.app import main
from msray.cli.settings import Settings
from msray.cli.settings_file import load_settings
from msray.errors import MsrayError

WORKING_COPY = Path(__file__).resolve().parents[1]


def run(verb: str, words: Sequence[str], folders: dict[str, Callable[[Settings], Path]]) -> int:
    """Run a verb, unless what comes out would be lost; folders are flags, and what the configuration says else."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for flag in (*folders, "--config"):
        parser.add_argument(flag, type=Path)
    said = vars(parser.parse_known_args(words)[0])
    try:
        settings = load_settings(said["config"])
    except MsrayError:
        return main([verb, *words])  # which says what is wrong
    for flag, configured in () if "--help" in words else folders.items():
        folder = said[flag.removeprefix("--")] or configured(settings)
        if folder.resolve().is_relative_to(WORKING_COPY):
            shared = f"/shared/{flag.removeprefix('--')}"
            sys.stderr.write(f"{flag} must lie outside of the job's working copy, as {shared}, got {folder}\n")
            return 2
    return main([verb, *words])
