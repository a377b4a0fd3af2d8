"""What alerts come in from and what incidents are told to: found in one place, set up, tried out and watched."""

from __future__ import annotations

from starlette.routing import Route

from tocsin.console.frame import Frame
from tocsin.console.rooms.integrations import directory, sources, targets


def routes(frame: Frame) -> list[Route]:
    """Everything below `/integrations`."""
    source = "/integrations/in/{kind}/{id:int}"
    target = "/integrations/to/{id:int}"
    return [
        frame.get("/integrations", directory.show),
        frame.get("/integrations/in/{kind}/new", sources.new),
        frame.post("/integrations/in/{kind}/new", sources.create),
        frame.get(source, sources.show),
        frame.post(source + "/try", sources.attempt),
        frame.get(source + "/edit", sources.edit),
        frame.post(source + "/edit", sources.save),
        frame.post(source + "/pause", sources.pause),
        frame.post(source + "/delete", sources.delete),
        frame.get("/integrations/to/{kind}/new", targets.new),
        frame.post("/integrations/to/{kind}/new", targets.create),
        frame.get(target, targets.show),
        frame.get(target + "/edit", targets.edit),
        frame.post(target + "/edit", targets.save),
        frame.post(target + "/test", targets.test),
        frame.post(target + "/delete", targets.delete),
    ]
