"""A throw-away PostgreSQL server on loopback for the tests, started from whatever version the machine has."""

from __future__ import annotations

import glob
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql


class PostgresServer:
    """One cluster in a temporary directory, trusting loopback, stopped and deleted at the end."""

    def __init__(self, folder: Path, port: int, binaries: Path) -> None:
        self._folder = folder
        self._port = port
        self._binaries = binaries
        self._version = int(binaries.parent.name.split(".")[0]) if binaries.parent.name[:1].isdigit() else 0

    @classmethod
    def start(cls) -> PostgresServer | None:
        """Start a server; None when PostgreSQL is not installed."""
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin/initdb")) or [shutil.which("initdb") or ""]
        if not found[-1]:
            return None
        binaries = Path(found[-1]).parent
        folder = Path(tempfile.mkdtemp(prefix="tocsin-pg-"))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = cls(folder, port, binaries)
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
        server._run("initdb", "-D", str(folder / "data"), "-U", "tocsin", "-A", "trust", "-E", "UTF8", "--no-sync")
        options = (
            f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=200 "
            "-c shared_buffers=64MB -c autovacuum=off -c max_pred_locks_per_transaction=256"
        )
        log = str(folder / "log")
        server._run("pg_ctl", "-D", str(folder / "data"), "-l", log, "-o", options, "-w", "-t", "60", "start")
        return server

    @property
    def port(self) -> int:
        """On 127.0.0.1."""
        return self._port

    @property
    def data(self) -> Path:
        """The folder of its cluster, with its configuration."""
        return self._folder / "data"

    def stop(self) -> None:
        """Stop the server and delete its files."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-m", "immediate", "-w", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def url(self, name: str) -> str:
        """The address of one of its databases, as `--database-url` takes it."""
        return f"postgresql://tocsin@127.0.0.1:{self._port}/{name}"

    def create(self, name: str, template: str = "template0") -> None:
        """Create a database, empty or as a copy of `template`."""
        made = sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))
        # Copying files takes half as long as writing all of them into the log, which PostgreSQL 15 and newer would do.
        self._do(made + sql.SQL(" strategy file_copy") if self._version >= 15 else made)

    def drop(self, name: str) -> None:
        """Delete a database, whoever is still connected."""
        self._do(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def hang_up(self, name: str) -> None:
        """Cut every connection to a database, as a restart would."""
        self._do(
            sql.SQL("select pg_terminate_backend(pid) from pg_stat_activity where datname = {}").format(
                sql.Literal(name)
            )
        )

    def _do(self, statement: sql.Composed) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            command = ["runuser", "-u", "postgres", "--", *command]
        subprocess.run(command, check=True, capture_output=True, timeout=120, cwd=self._folder)
