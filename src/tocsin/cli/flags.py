"""What every command has in common: its flags, the settings they make, and how it fails in words."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

from cyclopts import Group, Parameter
from rich.console import Console
from rich.markup import escape

from tocsin.runtime.options import OPTIONS
from tocsin.runtime.settings import Settings, load

if TYPE_CHECKING:
    from tocsin.runtime.foundation import Foundation

BAD_USAGE = 2
"""Exit code when what was typed or set cannot be used; 1 is for what went wrong while doing it."""

err = Console(stderr=True, highlight=False, soft_wrap=True)
main_group = Group("Settings", sort_key=10)
more_group = Group("More settings", sort_key=20)


def flag(name: str, group: Group = main_group) -> Parameter:
    """The flag of an option, with its meaning, its variable and its default from the one place that has them."""
    option = OPTIONS[name]
    default = option.default_words or (
        str(option.default).lower() if isinstance(option.default, bool) else option.default
    )
    return Parameter(
        name=option.flag_name,
        help=f"{option.doc} [env: {option.environment_name}] [default: {default}]",
        group=group,
        show_default=False,
    )


Data = Annotated[str | None, flag("data")]
DatabaseUrl = Annotated[str | None, flag("database_url")]


def settings(given: dict[str, Any]) -> Settings:
    """The settings that these flags, the environment and tocsin.toml make together; the log is set up by them."""
    flags = {name: value for name, value in given.items() if name in OPTIONS}
    chosen = load(flags, os.environ)
    from tocsin.runtime import logs

    logs.configure(chosen.log_format, chosen.log_level)
    return chosen


def make_current(ground: Foundation) -> None:
    """Migrate, unless a server runs: its tables are its own business."""
    from tocsin.runtime.data_directory import Lock, prepare
    from tocsin.storage.migrate import current, head, migrate

    if current(ground.database) == head():
        return
    with Lock(prepare(ground.settings.data)):
        migrate(ground.database)


def fail(message: str, code: int) -> NoReturn:
    """Say what went wrong, and end with this exit code."""
    err.print(f"[red]tocsin:[/] {escape(message)}")
    sys.exit(code)
