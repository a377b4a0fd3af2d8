"""The state of a page in one sentence: the same one for people, feeds, badges and other programs."""

from __future__ import annotations

from tocsin.status_pages.model import State
from tocsin.status_pages.model.views import PageView


def overall(view: PageView) -> State:
    """The page's state; that of a page on which nothing is watched is none."""
    quiet = view.state is State.OPERATIONAL and not _watched(view) and not view.current
    return State.NOT_MONITORED if quiet else view.state


def headline(view: PageView) -> str:
    """The key of the sentence among the words of each language."""
    state = overall(view)
    if state is State.NOT_MONITORED:
        return "nothing_monitored"
    if state is State.OPERATIONAL:
        return "all_operational"
    if state is State.MAINTENANCE:
        return "some_maintenance"
    return f"{'all' if whole(view) else 'some'}_{state.value}"


def whole(view: PageView) -> bool:
    """Whether all that is watched is in the page's state: also when that is a single system."""
    states = _watched(view)
    return bool(states) and all(each is view.state for each in states)


def _watched(view: PageView) -> list[State]:
    shown = [resource.status for section in view.sections for resource in section.resources]
    return [state for state in shown if state is not State.NOT_MONITORED]
