"""The directory in which one Tocsin keeps everything: its database, its secret key, and a lock so that it stays one."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

import msgspec

from tocsin.kernel.vault import Vault
from tocsin.runtime.settings import OperatorError

KEY_FILE = "secret.key"
LOCK_FILE = "tocsin.lock"
DATABASE_FILE = "tocsin.db"


class DataDirectoryError(OperatorError):
    """The directory cannot be used; the message says why and how to mend it."""


class KeyLost(DataDirectoryError):
    """There is a database, but no key for what is sealed in it."""

    def __init__(self, file: Path) -> None:
        super().__init__(
            f"{file} is missing, and the database was made with it: a new key would open neither the passwords sealed "
            f"in it nor the links in mails already sent. Put the file back from a backup, or give TOCSIN_SECRET_KEY. "
            f"If it is lost for good, write any 32 or more random characters into {file}, and then give the monitors "
            f"that have passwords or headers theirs again."
        )


class Running(msgspec.Struct, frozen=True):
    """What the lock file says about the Tocsin that holds it."""

    pid: int | None = None
    port: int | None = None
    host: str = ""


class AlreadyRunning(DataDirectoryError):
    """Another Tocsin holds the lock."""

    def __init__(self, path: Path, running: Running) -> None:
        pid = running.pid
        who = f"process {pid}" if pid else "another process"
        super().__init__(
            f"Tocsin is already running on {path} ({who}). Two on one directory would check and page twice: "
            f"stop that one first{f' (kill {pid})' if pid else ''}, or give this one its own --data."
        )
        self.running = running


def prepare(path: Path) -> Path:
    """Make the directory (mode 0700) when it is missing. Raises DataDirectoryError when it cannot be written."""
    try:
        if not path.exists():
            path.mkdir(parents=True, mode=0o700)
            path.chmod(0o700)  # whatever the umask was
    except OSError as error:
        raise DataDirectoryError(
            f"The data directory {path} cannot be created ({error.strerror}). Give a writable one with --data."
        ) from error
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise DataDirectoryError(
            f"The data directory {path} is not ours to write. Give another one with --data, or chown it."
        )
    return path.absolute()


def secret_key(path: Path, given: str = "") -> str:
    """The installation's key: the one given, else that of DIR/secret.key, which is made once with mode 0600."""
    if given:
        return given
    file = path / KEY_FILE
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = file.read_text("ascii").strip()
        if len(key) < 32:
            raise DataDirectoryError(
                f"{file} is damaged: put the key back from a backup, or give TOCSIN_SECRET_KEY."
            ) from None
        return key
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        key = Vault.new_key()
        out.write(key + "\n")
        out.flush()
        os.fsync(out.fileno())
    _make_durable(path)
    return key


class Lock:
    """Holds DIR/tocsin.lock (flock: the system lets go of it when the process dies, however it dies)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def __enter__(self) -> Lock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def acquire(self) -> None:
        """Take the lock or raise AlreadyRunning at once."""
        descriptor = os.open(self._path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note = _read(descriptor)
            os.close(descriptor)
            raise AlreadyRunning(self._path, note) from None
        self._descriptor = descriptor
        self.note(Running(pid=os.getpid()))

    def note(self, running: Running) -> None:
        """Leave word for who finds the lock taken: the process id, and where it listens once that is known."""
        assert self._descriptor is not None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, msgspec.json.encode(running), 0)

    def release(self) -> None:
        """Let go. The file stays: removing it would let two processes lock two different files of one name."""
        if self._descriptor is not None:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def running(path: Path) -> Running | None:
    """The Tocsin that runs on this directory; None when none does."""
    if not (path / LOCK_FILE).exists():
        return None
    lock = Lock(path)
    try:
        lock.acquire()
    except AlreadyRunning as error:
        return error.running
    lock.release()
    return None


def _read(descriptor: int) -> Running:
    try:
        return msgspec.json.decode(os.pread(descriptor, 4096, 0), type=Running)
    except msgspec.MsgspecError:
        return Running()


def _make_durable(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
