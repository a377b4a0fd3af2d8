"""The list of what would cost somebody a page one day (ours, beyond the contract)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.contacts.model import Shortcoming
from tocsin.escalation.actions import reachability
from tocsin.registry import Call, Operation, Page, Resource, Route, Scope
from tocsin.storage import Tx


class WarningAttributes(msgspec.Struct, kw_only=True):
    """One thing that should be mended before the next outage."""

    code: str
    """For programs, e.g. `nobody_on_call`, `empty_step`, `no_verified_phone`."""
    message: str
    resource_type: str
    resource_id: str
    team_name: str


class Warned(msgspec.Struct, frozen=True):
    """A shortcoming of a team's."""

    shortcoming: Shortcoming
    team_name: str

    @property
    def id(self) -> str:
        """The same for the same shortcoming, for as long as it lasts."""
        found = self.shortcoming
        return f"{found.code}-{found.resource_type}-{found.resource_id}"


class ListWarnings(msgspec.Struct, kw_only=True):
    page: int = 1
    per_page: int = 50


def _render(warned: Warned) -> WarningAttributes:
    found = warned.shortcoming
    return WarningAttributes(
        code=found.code,
        message=found.sentence,
        resource_type=found.resource_type,
        resource_id=str(found.resource_id),
        team_name=warned.team_name,
    )


WARNING = Resource(
    type="reachability_warning",
    attributes=WarningAttributes,
    render=_render,
    doc="Something that would cost somebody a page one day, e.g. a week in which nobody is on call.",
)


def operations(sources: Sequence[reachability.Source]) -> tuple[Operation, ...]:
    """`sources`: what each concept has to say, the weightiest first; from runtime.wiring."""

    def handler(tx: Tx, call: Call, input: ListWarnings) -> Page[Warned]:
        names = {team.id: team.name for team in accounts.all_teams(tx)}
        ids = list(names) if call.team_ids is None else [id for id in call.team_ids if id in names]
        found = reachability.everything(tx, ids, sources)
        start = (input.page - 1) * input.per_page
        shown = [Warned(each, names[team_id]) for team_id, each in found[start : start + input.per_page]]
        return Page(shown, len(found), input.page, input.per_page)

    return (
        Operation(
            name="on_call_warnings.list", routes=(Route("GET", "/api/v2/on-calls/warnings"),), area="on_call",
            upstream="not_there",
            level="read", input=ListWarnings, handler=handler, resource=WARNING, answer="list", scope=Scope.LIST,
            doc="List what would cost somebody a page one day.", deed="listed what would cost a page",
        ),
    )  # fmt: skip
