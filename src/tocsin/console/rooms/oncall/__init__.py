"""The rooms of being on call: whose turn it is, and who steps in."""

from __future__ import annotations

from starlette.routing import Route

from tocsin.console.frame import Frame
from tocsin.console.rooms.oncall import covers, exchange, layers, overrides, schedules


def routes(frame: Frame) -> list[Route]:
    """`/on-call` and everything below it."""
    one = "/on-call/{id:int}"
    return [
        frame.get("/on-call", schedules.every),
        frame.get("/on-call/new", schedules.new),
        frame.post("/on-call/new", schedules.create),
        frame.get(one, schedules.show),
        frame.get(f"{one}/settings", schedules.settings),
        frame.post(f"{one}/settings", schedules.change),
        frame.post(f"{one}/delete", schedules.delete),
        frame.get(f"{one}/override", overrides.ask),
        frame.post(f"{one}/override", overrides.put),
        frame.get(f"{one}/events", overrides.every),
        frame.get(one + "/events/{event:int}", overrides.edit),
        frame.post(one + "/events/{event:int}", overrides.change),
        frame.post(one + "/events/{event:int}/delete", overrides.delete),
        frame.get(f"{one}/layers", layers.every),
        frame.get(f"{one}/layers/new", layers.new),
        frame.post(f"{one}/layers/new", layers.create),
        frame.get(one + "/layers/{layer:int}", layers.edit),
        frame.post(one + "/layers/{layer:int}", layers.change),
        frame.post(one + "/layers/{layer:int}/delete", layers.delete),
        frame.post(one + "/layers/{layer:int}/move", layers.move),
        frame.get(f"{one}/rotation", layers.rotation),
        frame.post(f"{one}/rotation", layers.set_rotation),
        frame.get(f"{one}/cover", covers.every),
        frame.post(f"{one}/cover", covers.create),
        frame.post(one + "/cover/{request:int}/{answer}", covers.answer),
        frame.get(f"{one}/calendars", exchange.every),
        frame.post(f"{one}/calendars/feeds", exchange.open_feed),
        frame.post(one + "/calendars/feeds/{feed:int}/delete", exchange.close_feed),
        frame.post(f"{one}/calendars/imports", exchange.start_import),
        frame.post(one + "/calendars/imports/{import_id:int}/delete", exchange.stop_import),
    ]
