"""What a browser check needs on this machine, and what is missing."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import msgspec

from tocsin.monitors.checks.playwright import confine

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
MAX_AT_ONCE = 50
FIRST_UID = 64_200
"""As root, each browser gets a user of its own from here on: numbers that no system gives to anybody."""
_SYSTEM_PATHS = (
    "/usr", "/lib", "/lib64", "/bin", "/sbin", "/sys", "/etc/fonts", "/etc/ssl", "/etc/ca-certificates", "/etc/pki",
    "/etc/crypto-policies", "/etc/resolv.conf", "/run/systemd/resolve", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf",
    "/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/etc/localtime", "/etc/mime.types", "/etc/alternatives",
    "/etc/ld.so.cache", "/etc/os-release", "/etc/chromium", "/etc/chromium.d", "/etc/chromium-browser",
    "/var/cache/fontconfig",
)  # fmt: skip
"""What a browser reads of a machine: programs, letters, names and certificates; none of anybody's files."""
_WRITABLE_PATHS = ("/dev", "/proc")


def user_of(slot: int) -> int:
    """The user for a slot: another than that of a second Tocsin on this machine, as far as process numbers differ."""
    return FIRST_UID + os.getpid() % 20 * MAX_AT_ONCE + slot


class Missing(Exception):
    """Browser checks cannot be made here; the text says why and what to do."""


class Host(msgspec.Struct, frozen=True, kw_only=True):
    """Where browser checks run, as set up by the operator."""

    chromium: str = ""
    """The program; empty = the first of `CHROMIUM_NAMES` that is found."""
    at_once: int = 2
    """Browsers that run at the same time: each takes half a gigabyte of memory and a core for a while."""
    memory_bytes: int = 2 << 30
    """Of a browser and all its processes: an ordinary page takes a quarter of it."""
    allowed: bool = True
    """False: scripts could reach what this installation does not let anybody reach."""


class Parts(msgspec.Struct, frozen=True):
    """What a browser check is made of, all of it found."""

    chromium: str
    node: str
    driver: str
    """The directory of playwright-core."""
    readable: tuple[str, ...]
    """Paths that the check may read and execute."""
    writable: tuple[str, ...]
    own_user: bool
    """Whether it runs as a user of its own."""
    memory_bytes: int


def parts(host: Host) -> Parts:
    """Everything a check needs. Raises Missing."""
    if not host.allowed:
        raise Missing(
            "Browser checks are off while private targets are not allowed: a script can ask any address. Allow private "
            "targets (--allow-private-targets true), or use another type of monitor."
        )
    chromium = _chromium(host.chromium)
    node, driver = _driver()
    own_user = os.geteuid() == 0
    if own_user and not all(map(_for_everybody, (chromium, node, driver))):
        raise Missing(
            f"Tocsin runs as root, and other users may not read {driver}: a browser cannot be given a user of its own. "
            "Run Tocsin as a user of its own, or install it where all may read."
        )
    if not own_user and confine.landlock_version() == 0:
        raise Missing(
            "This kernel has no Landlock, so nothing keeps a script from Tocsin's own files. Run on Linux 5.13 or newer"
            " with Landlock enabled."
        )
    programs = (driver, str(Path(node).parent), os.path.dirname(os.path.realpath(chromium)), chromium)
    return Parts(chromium, node, driver, (*_SYSTEM_PATHS, *programs), _WRITABLE_PATHS, own_user, host.memory_bytes)


def _chromium(wanted: str) -> str:
    found = shutil.which(wanted) if wanted else next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        what = f"{wanted} is not a program" if wanted else "No Chromium was found"
        raise Missing(f"{what}: install it (Debian: apt-get install chromium) or say where it is with --chromium PATH.")
    return found


@lru_cache(maxsize=1)
def _driver() -> tuple[str, str]:
    spec = find_spec("playwright")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    for place in places:
        node, driver = Path(place, "driver", "node"), Path(place, "driver", "package")
        if node.is_file() and driver.is_dir():
            return str(node), str(driver)
    raise Missing(f"The Python package playwright is not installed for {sys.executable}: pip install playwright.")


def _for_everybody(path: str) -> bool:
    """Whether any user may get there and read it."""
    place = Path(os.path.realpath(path))
    try:
        reachable = all(parent.stat().st_mode & stat.S_IXOTH for parent in place.parents)
        return reachable and bool(place.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False
