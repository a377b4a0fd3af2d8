"""The pages on which people decide what agents may do, answer what they ask, and read what they did."""

from starlette.routing import Route

from tocsin.console.frame import Frame
from tocsin.console.rooms.agents import approvals, log, making, one, tokens


def routes(frame: Frame) -> list[Route]:
    """`/agents`, `/agents/…` and `/approvals`."""
    return [
        *making.routes(frame),
        *log.routes(frame),
        *one.routes(frame),
        *tokens.routes(frame),
        *approvals.routes(frame),
    ]
