"""What Tocsin says about itself while it runs: coloured lines for people, JSON lines for machines, never a secret."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET_NAMES = re.compile(r"password|secret|token|authorization|cookie|api_key|smtp_url|database_url", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(\w+://[^\s:/@]*):[^\s@/]+@")
_BEARER = re.compile(r"(bearer\s+)\S+", re.IGNORECASE)


def configure(format: str = "auto", level: str = "info") -> None:
    """Set up structlog and the standard library's logging (uvicorn, alembic) to write one form to standard error."""
    machine = format == "json" or (format == "auto" and not sys.stderr.isatty())
    before: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering(machine)],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for quiet in ("alembic", "asyncio", "uvicorn", "mail.log"):
        logging.getLogger(quiet).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def rendering(machine: bool) -> list[structlog.types.Processor]:
    """The last steps of a line. Exceptions become text first, so that it is looked through for secrets too.

    The variables of a traceback are never shown: secrets stand in them, and drawing them takes a second of CPU.
    """
    line: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if machine
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    return [structlog.processors.format_exc_info, hide_secrets, line]


def hide_secrets(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blank every value whose name says that it is secret, and every password or bearer token inside a text."""
    for name, value in event.items():
        if _SECRET_NAMES.search(name):
            event[name] = "(hidden)"
        elif isinstance(value, str):
            event[name] = _BEARER.sub(r"\1(hidden)", _URL_PASSWORD.sub(r"\1:(hidden)@", value))
    return event
