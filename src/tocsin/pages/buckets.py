"""Where static copies of pages are put: a folder of this machine, or a bucket of anybody who speaks S3."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import msgspec

TIMEOUT_SECONDS = 20.0
"""For one file, with all its retries."""
RETRIES = 3
KEPT = "public, max-age=30"
"""What a bucket tells browsers and shared caches."""


class Target(Protocol):
    """A place for files."""

    async def read(self, path: str) -> bytes | None: ...
    async def write(self, path: str, content: bytes, media_type: str) -> None: ...
    async def remove(self, path: str) -> None: ...


class Folder:
    """Files that a web server of this machine may read. Each is always whole: it is written beside and then moved."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def read(self, path: str) -> bytes | None:
        return await asyncio.to_thread(self._read, path)

    async def write(self, path: str, content: bytes, media_type: str) -> None:
        await asyncio.to_thread(self._write, path, content)

    async def remove(self, path: str) -> None:
        await asyncio.to_thread(self._remove, path)

    def _read(self, path: str) -> bytes | None:
        try:
            return self._at(path).read_bytes()
        except FileNotFoundError:
            return None

    def _write(self, path: str, content: bytes) -> None:
        place = self._at(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        beside = place.parent / f".{place.name}.{secrets.token_hex(4)}"
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            beside.chmod(0o644)
            beside.replace(place)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise

    def _remove(self, path: str) -> None:
        place = self._at(path)
        place.unlink(missing_ok=True)
        while place.parent != self._root:  # and the folders that are empty now
            place = place.parent
            with suppress(OSError):
                place.rmdir()

    def _at(self, path: str) -> Path:
        place = self._root / path
        if ".." in Path(path).parts or Path(path).is_absolute():
            raise ValueError("a copy is never put outside its folder")
        return place


class Bucket:
    """A bucket, spoken to off the event loop, with a limit on the time that each file may take."""

    def __init__(self, name: str, prefix: str, options: Mapping[str, Any]) -> None:
        from obstore.store import S3Store  # two hundredths of a second and some megabytes: for those who have a bucket

        self._prefix = f"{prefix}/" if prefix else ""
        self._store = S3Store(
            name,
            client_options={"timeout": timedelta(seconds=TIMEOUT_SECONDS / 2), "allow_http": True},
            retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=TIMEOUT_SECONDS / 2)},
            **options,
        )

    async def read(self, path: str) -> bytes | None:
        import obstore

        async with asyncio.timeout(TIMEOUT_SECONDS):
            try:
                found = await obstore.get_async(self._store, self._prefix + path)
            except FileNotFoundError:
                return None
            return bytes(await found.bytes_async())

    async def write(self, path: str, content: bytes, media_type: str) -> None:
        import obstore

        attributes = {"Content-Type": media_type, "Cache-Control": KEPT}
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await obstore.put_async(
                self._store, self._prefix + path, content, attributes=attributes, use_multipart=False
            )

    async def remove(self, path: str) -> None:
        import obstore

        async with asyncio.timeout(TIMEOUT_SECONDS):
            try:
                await obstore.delete_async(self._store, self._prefix + path)
            except FileNotFoundError:
                return


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket's address, read from text."""

    name: str
    prefix: str
    options: dict[str, Any]


def address(url: str) -> Address:
    """Reads `s3://BUCKET/PREFIX?endpoint=…&region=…`. Raises ValueError."""
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    unknown = sorted(set(query) - {"endpoint", "region"})
    if parts.scheme != "s3" or not parts.netloc or "@" in parts.netloc:
        raise ValueError("this is not the address of a bucket")
    if unknown:
        raise ValueError(f"a bucket's address knows endpoint and region, not {', '.join(unknown)}")
    endpoint = query.get("endpoint", "")
    if endpoint and not endpoint.startswith(("http://", "https://")):
        raise ValueError("the endpoint is not a web address")
    # Deleting many at once is what not every server knows that speaks S3; one at a time is what all know.
    options: dict[str, Any] = {"region": query.get("region", "us-east-1"), "disable_bulk_delete": True}
    if endpoint:
        # With a server of one's own the name of the bucket stands in the path: it has no name below the server's.
        options |= {"endpoint": endpoint.rstrip("/"), "virtual_hosted_style_request": False}
    return Address(name=parts.netloc, prefix=parts.path.strip("/"), options=options)


def bucket(url: str, key: str = "", secret: str = "") -> Bucket:
    """The bucket at an address. Raises ValueError."""
    found = address(url)
    options = dict(found.options)
    if key:
        options |= {"access_key_id": key, "secret_access_key": secret}
    return Bucket(found.name, found.prefix, options)
