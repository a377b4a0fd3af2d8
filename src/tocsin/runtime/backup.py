"""A safe copy of everything in one file, taken while Tocsin runs, and the way back from it."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, MetaData, Table, select, text

from tocsin import __version__
from tocsin.kernel.clock import SystemClock, to_wire
from tocsin.runtime.data_directory import DATABASE_FILE, KEY_FILE, Lock, prepare
from tocsin.runtime.foundation import foundation
from tocsin.runtime.settings import OperatorError, Settings
from tocsin.storage import Database
from tocsin.storage.migrate import current, head, migrate

FORMAT = 1
"""Grows when an older Tocsin could not read what a newer one writes."""
MANIFEST = "manifest.json"
SEQUENCES = "sequences.json"
ROWS_PER_STATEMENT = 1000
"""Rows read or written at once: a bound on memory, not on the size of a backup."""
MAX_MANIFEST_BYTES = 1 << 16
MAX_LINE_BYTES = 64 << 20
"""One row with its evidence is far below this; a line above it is not ours."""
_BLOB = "\x00base64:"


class Manifest(msgspec.Struct, frozen=True):
    """What stands first in a backup."""

    format: int
    version: str
    kind: str
    """`sqlite` or `postgresql`."""
    revision: str
    created_at: str


class BackupError(OperatorError):
    """The backup cannot be taken or used; the message says why and what to do."""


def backup(database: Database, key: str, file: Path) -> Manifest:
    """Write one consistent snapshot and the secret key to `file` (mode 0600), whole or not at all."""
    revision = current(database)
    if revision is None:
        raise BackupError(
            "There is nothing to back up: the database is empty. Start Tocsin once, or give the right --data."
        )
    now = to_wire(SystemClock().now())
    manifest = Manifest(FORMAT, __version__, database.dialect, revision, now)
    with _whole_file(file) as partial, tempfile.TemporaryDirectory(dir=partial.parent, prefix=".tocsin-") as space:
        os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        with tarfile.open(partial, "w:gz", compresslevel=3) as tar:
            _add(tar, MANIFEST, msgspec.json.encode(manifest))
            _add(tar, KEY_FILE, key.encode())
            if database.dialect == "sqlite":
                _add_sqlite(tar, database.engine, Path(space))
            else:
                _add_tables(tar, database.engine, Path(space))
        with partial.open("rb") as written:
            os.fsync(written.fileno())
    return manifest


def read_manifest(file: Path) -> Manifest:
    """What kind of backup this is. Raises BackupError for any other file."""
    try:
        with tarfile.open(file, "r:gz") as tar:
            member = tar.next()
            stream = tar.extractfile(member) if member and member.name == MANIFEST else None
            if stream is None:
                raise BackupError(f"{file} is not a backup of Tocsin.")
            manifest = msgspec.json.decode(stream.read(MAX_MANIFEST_BYTES), type=Manifest)
    except (OSError, tarfile.TarError, EOFError, msgspec.MsgspecError) as error:
        raise BackupError(f"{file} cannot be read as a backup ({error}).") from error
    if manifest.format > FORMAT:
        raise BackupError(
            f"{file} was written by Tocsin {manifest.version}, which is newer: restore it with that version."
        )
    return manifest


def restore(file: Path, settings: Settings, *, replace: bool) -> Manifest:
    """Bring everything back from `file`. Refused while a Tocsin runs on the data directory."""
    try:
        return _restored(file, settings, replace=replace)
    except (EOFError, tarfile.TarError, zlib.error) as error:
        raise BackupError(f"{file} is damaged: it ends too early or was changed ({error}).") from error


def _restored(file: Path, settings: Settings, *, replace: bool) -> Manifest:
    manifest = read_manifest(file)
    postgres = not settings.storage_url.startswith("sqlite")
    if postgres != (manifest.kind == "postgresql"):
        raise BackupError(
            f"The backup is of {manifest.kind}, and the database here is {'postgresql' if postgres else 'sqlite'}. "
            f"{'Leave --database-url out' if postgres else 'Give the --database-url of an empty PostgreSQL database'}."
        )
    directory = prepare(settings.data)
    with Lock(directory):
        if not postgres:
            _restore_file(file, Path(settings.storage_url.removeprefix("sqlite:///")), replace=replace)
        else:
            # With the backup's own key: the one that belongs to what is replaced may be lost.
            with foundation(msgspec.structs.replace(settings, secret_key=_key_in(file))) as ground:
                migrate(ground.database)
                _restore_tables(file, ground.database, replace=replace)
        if not settings.secret_key:
            _restore_key(file, directory)
    return manifest


def _restore_file(file: Path, target: Path, *, replace: bool) -> None:
    """Put a SQLite backup at `target`, which nobody may be using. The old file goes only once the new one is sound."""
    if target.exists() and not replace:
        raise BackupError(f"{target} exists: restoring would destroy it. Restore into an empty --data, or add --force.")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".restore-") as space, tarfile.open(file, "r:gz") as tar:
        fresh = Path(space) / DATABASE_FILE
        with _member(tar, DATABASE_FILE) as stream, fresh.open("xb") as out:
            shutil.copyfileobj(stream, out)
            out.flush()
            os.fsync(out.fileno())
        fresh.chmod(0o600)
        _prove_sound(fresh)
        for suffix in ("-wal", "-shm"):
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        fresh.replace(target)


def _restore_tables(file: Path, database: Database, *, replace: bool) -> int:
    """Put a PostgreSQL backup into a migrated database, in one transaction; returns the number of rows."""
    manifest = read_manifest(file)
    if manifest.revision != head():
        raise BackupError(
            f"The backup has the tables of Tocsin {manifest.version} (revision {manifest.revision}); this version has "
            f"{head()}. Restore with that version, then upgrade."
        )
    rows = 0
    with database.engine.connect() as connection, connection.begin(), tarfile.open(file, "r:gz") as tar:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        tables = _tables(connection)
        if not replace and any(connection.execute(select(table).limit(1)).first() for table in tables):
            raise BackupError(
                "The database holds records already: restoring would destroy them. Use an empty one, or --force."
            )
        for table in reversed(tables):
            connection.execute(table.delete())
        for table in tables:
            with _member(tar, f"tables/{table.name}.jsonl") as stream:
                rows += _fill(connection, table, stream)
        with _member(tar, SEQUENCES) as stream:
            _continue_numbering(connection, json.loads(stream.read(MAX_LINE_BYTES)))
    return rows


def _restore_key(file: Path, directory: Path) -> None:
    """Put the backup's secret key into the directory: without it, sealed secrets could not be opened."""
    key = _key_in(file)
    fresh = directory / (KEY_FILE + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(key.encode("ascii") + b"\n")
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(directory / KEY_FILE)


def _key_in(file: Path) -> str:
    with tarfile.open(file, "r:gz") as tar, _member(tar, KEY_FILE) as stream:
        return str(stream.read(4096), "ascii").strip()


# --- SQLite: the file itself, as one read transaction sees it ---------------------------------------------------------


def _add_sqlite(tar: tarfile.TarFile, engine: Engine, space: Path) -> None:
    # VACUUM INTO reads one snapshot while the server goes on writing; SQLite's backup API begins anew at each write.
    copy = space / DATABASE_FILE
    with engine.connect() as connection:
        connection.exec_driver_sql("VACUUM INTO ?", (str(copy),))
    tar.add(copy, DATABASE_FILE)


def _prove_sound(file: Path) -> None:
    connection = sqlite3.connect(file)
    try:
        answer = connection.execute("PRAGMA quick_check").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise BackupError(f"The database in the backup is damaged ({error}); nothing was changed.") from error
    finally:
        connection.close()
    if answer != "ok":
        raise BackupError(f"The database in the backup is damaged ({answer}); nothing was changed.")


# --- PostgreSQL: every table as JSON lines, in one snapshot -----------------------------------------------------------


def _add_tables(tar: tarfile.TarFile, engine: Engine, space: Path) -> None:
    snapshot = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    with snapshot.connect() as connection, connection.begin():
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        for table in _tables(connection):
            copy = space / "table"
            with copy.open("wb") as out:
                result = connection.execution_options(stream_results=True).execute(select(table))
                for rows in result.partitions(ROWS_PER_STATEMENT):
                    out.writelines(json.dumps([_plain(value) for value in row]).encode() + b"\n" for row in rows)
            tar.add(copy, f"tables/{table.name}.jsonl")
        _add(tar, SEQUENCES, json.dumps(_sequences(connection)).encode())


def _sequences(connection: Connection) -> dict[str, int]:
    """Where each table's numbering stands: a deleted row's id is never given out again, not even after a restore."""
    rows = connection.execute(
        text("SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = current_schema() AND last_value > 0")
    )
    return {name: int(value) for name, value in rows}


def _tables(connection: Connection) -> list[Table]:
    """Our tables, those that others point at first."""
    found = MetaData()
    found.reflect(connection)
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def _fill(connection: Connection, table: Table, stream: Any) -> int:
    names = [column.name for column in table.columns]
    batch: list[dict[str, Any]] = []
    count = 0
    while line := stream.readline(MAX_LINE_BYTES):
        batch.append(dict(zip(names, map(_value, json.loads(line)), strict=True)))
        if len(batch) == ROWS_PER_STATEMENT:
            connection.execute(table.insert(), batch)
            count, batch = count + len(batch), []
    if batch:
        connection.execute(table.insert(), batch)
    return count + len(batch)


def _continue_numbering(connection: Connection, sequences: dict[str, int]) -> None:
    present = set(
        connection.execute(text("SELECT sequencename FROM pg_sequences WHERE schemaname = current_schema()")).scalars()
    )
    for name, value in sequences.items():
        if name in present:
            connection.execute(
                text("SELECT setval(CAST(:name AS regclass), :value)"), {"name": f'"{name}"', "value": value}
            )


def _plain(value: Any) -> Any:
    if isinstance(value, (bytes, memoryview)):
        return _BLOB + base64.b64encode(value).decode()
    return value


def _value(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(_BLOB):
        return base64.b64decode(value.removeprefix(_BLOB))
    return value


# --- The file ---------------------------------------------------------------------------------------------------------


@contextmanager
def _whole_file(file: Path) -> Iterator[Path]:
    if not file.parent.is_dir():
        raise BackupError(f"The directory {file.parent} does not exist. Create it, or write the backup elsewhere.")
    if file.is_dir():
        raise BackupError(f"{file} is a directory. Name the file to write, e.g. {file / 'tocsin.backup'}.")
    partial = file.with_name(file.name + ".partial")
    try:
        yield partial
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    info.mode = 0o600
    tar.addfile(info, io.BytesIO(content))


@contextmanager
def _member(tar: tarfile.TarFile, name: str) -> Iterator[Any]:
    """A file inside by its exact name: nothing in a backup decides where on the disk anything is written."""
    try:
        stream = tar.extractfile(tar.getmember(name))
    except KeyError:
        stream = None
    if stream is None:
        raise BackupError(f"The backup holds no {name}: it is damaged, or of another kind of database.")
    with stream:
        yield stream
