"""The dead-man's switch: pressed while pages move, silent when they do not, whoever it is that waits."""

from __future__ import annotations

from tests.net import FakeNet
from tests.time import FakeClock
from tocsin.runtime.dead_man import EVERY, DeadMan
from tocsin.runtime.health import Finding, Report

URL = "https://watch.example.com/ping"
WELL = Report(ready=True, checks={})
ILL = Report(ready=False, checks={"worker:deliveries": Finding(ok=False, why="late")})


class Outside:
    """Who waits for the calls, and how we are."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.net = FakeNet()
        self.site = self.net.site("watch.example.com")
        self.now = WELL
        self.man = DeadMan(URL, self.net, clock, self.report)

    async def report(self) -> Report:
        return self.now

    async def minute(self) -> int:
        """Live through one; returns how often it was pressed in all."""
        await self.man.run_once()
        await self.man.run_once()  # the supervisor looks more often than it is time
        self.clock.wind(EVERY)
        return self.man.pings


async def test_it_is_pressed_once_a_minute_while_pages_move_and_not_when_they_do_not(clock: FakeClock) -> None:
    outside = Outside(clock)
    assert [await outside.minute() for _ in range(3)] == [1, 2, 3]
    outside.now = ILL
    assert [await outside.minute() for _ in range(2)] == [3, 3]
    assert "pages do not move" in outside.man.finding().why
    outside.now = WELL
    assert await outside.minute() == 4
    assert outside.man.finding().ok


async def test_when_nobody_is_there_to_hear_it_that_is_shown_and_tried_again(clock: FakeClock) -> None:
    outside = Outside(clock)
    outside.site.down()
    assert await outside.minute() == 0
    assert outside.man.failures == 1
    assert outside.man.finding().why == "it answered 503"
    outside.site.up()
    assert await outside.minute() == 1


async def test_a_clock_that_was_set_back_does_not_silence_it(clock: FakeClock) -> None:
    outside = Outside(clock)
    await outside.minute()
    clock.step(-60 * EVERY)
    assert await outside.minute() == 2
