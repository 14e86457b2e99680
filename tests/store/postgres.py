"""A private PostgreSQL server for tests: made in a temporary folder, gone afterwards."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from msray.on_ray.environment import free_port

SERVER = shutil.which("postgres") or "/usr/lib/postgresql/15/bin/postgres"
WHY_NOT = "" if Path(SERVER).exists() else "no PostgreSQL server binary on this machine"


class PostgresServer:
    """Runs from construction to :meth:`stop`; can be stopped and started between."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="msray-pg-"))
        self.port = free_port()
        if os.getuid() == 0:  # the server refuses to run as root
            shutil.chown(self.folder, "postgres", "postgres")
        self._run("initdb", "-D", str(self.folder / "data"), "-A", "trust", "-U", "msray", "-E", "UTF8", "--no-sync")
        self.start()

    def new_database(self, name: str) -> str:
        """Make a database; its URL."""
        self._run(
            "psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "msray", "-c", f"create database {name}", "postgres"
        )
        return f"postgresql://msray:sesame@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Start and wait until it answers."""
        settings = f"-p {self.port} -h 127.0.0.1 -k {self.folder} -c fsync=off"
        self._run(
            "pg_ctl", "-D", str(self.folder / "data"), "-o", settings, "-l", str(self.folder / "log"), "-w", "start"
        )

    def stop(self) -> None:
        """Stop at once, as a crash would."""
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "-w", "stop")

    def remove(self) -> None:
        """Stop for good."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        beside = Path(SERVER).resolve().with_name(program)
        command = [str(beside if beside.exists() else program), *arguments]
        if os.getuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
