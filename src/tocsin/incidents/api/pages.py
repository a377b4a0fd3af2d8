"""The proof of page: every message about an incident with all its instants, as a list and as a table."""

from __future__ import annotations

from datetime import datetime

import msgspec

from tocsin.incidents import actions
from tocsin.incidents.api.inputs import ById
from tocsin.kernel.clock import to_wire
from tocsin.notify import actions as notify
from tocsin.notify.model import Proof, State
from tocsin.registry import Call, Operation, Page, Resource, Route
from tocsin.storage import Tx


class PagesOf(ById, frozen=True, kw_only=True):
    """Names one incident, and the page of its list of messages."""

    page: int = 1
    per_page: int = 50


class PageAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one person or place. Instants are null for what has not happened."""

    kind: str
    """`page`, `acknowledged`, `resolved`, `notice`, `digest`, or `call_off`: a call, or a push that
    repeats itself, is ended because nobody needs to answer it any more."""
    state: str
    channel: str
    recipient: str | None
    user_id: int | None
    target_id: int | None
    address: str
    planned_at: str
    queued_at: str | None
    first_attempt_at: str | None
    accepted_at: str | None
    """When a provider took responsibility for it."""
    delivered_at: str | None
    seen_at: str | None
    acknowledged_at: str | None
    """When the person answered through this very message."""
    failed_at: str | None
    """When the latest attempt failed that was followed by another one."""
    undelivered_at: str | None
    given_up_at: str | None
    cancelled_at: str | None
    held_at: str | None
    attempts: int
    provider_id: str | None
    reason: str


class Paging(msgspec.Struct, frozen=True, kw_only=True):
    """How an incident's paging went on the whole."""

    breached: bool
    """Whether no provider had accepted a page within five minutes of the instant of the first one."""
    paging_started_at: str | None
    breach_recorded_at: str | None
    first_accepted_at: str | None
    breach_reason: str | None


def _list(tx: Tx, call: Call, input: PagesOf) -> Page[Proof]:
    incident = actions.find(tx, input.id, call.team_ids)
    found, total = notify.proofs(tx, incident.id, page=input.page, per_page=input.per_page)
    return Page(found, total, input.page, input.per_page)


def _table(tx: Tx, call: Call, input: ById) -> bytes:
    return notify.ledger_csv(tx, actions.find(tx, input.id, call.team_ids).id)


def _paging(tx: Tx, call: Call, input: ById) -> Paging:
    incident = actions.find(tx, input.id, call.team_ids)
    breach = notify.breach(tx, incident.id)
    started_at, accepted_at = notify.paging_of(tx, incident.id)
    return Paging(
        breached=breach is not None,
        paging_started_at=_when(started_at),
        first_accepted_at=_when(accepted_at),
        breach_recorded_at=None if breach is None else _when(breach.recorded_at),
        breach_reason=None if breach is None else breach.why,
    )


def _render(proof: Proof) -> PageAttributes:
    def at(state: State) -> str | None:
        return _when(proof.reached.get(state))

    return PageAttributes(
        kind=proof.kind,
        state=proof.state,
        channel=proof.channel,
        recipient=proof.recipient or None,
        user_id=proof.user_id,
        target_id=proof.target_id,
        address=proof.address,
        planned_at=to_wire(proof.planned_at),
        queued_at=at(State.QUEUED),
        first_attempt_at=at(State.SENDING),
        accepted_at=at(State.SENT),
        delivered_at=at(State.DELIVERED),
        seen_at=at(State.SEEN),
        acknowledged_at=at(State.ACKNOWLEDGED),
        failed_at=at(State.FAILED),
        undelivered_at=at(State.UNDELIVERED),
        given_up_at=at(State.GIVEN_UP),
        cancelled_at=at(State.CANCELLED),
        held_at=at(State.HELD),
        attempts=proof.attempts,
        provider_id=proof.provider_id,
        reason=proof.reason,
    )


def _when(instant: datetime | None) -> str | None:
    return None if instant is None else to_wire(instant)


PAGE = Resource(
    type="page",
    reaches=("address",),
    attributes=PageAttributes,
    render=_render,
    doc="A message about an incident, with proof of what became of it.",
)
OPERATIONS: tuple[Operation, ...] = (
    Operation(
        name="incidents.pages",
        upstream="not_there",
        routes=(Route("GET", "/api/v3/incidents/{id}/pages"),),
        area="incidents",
        level="read",
        input=PagesOf,
        handler=_list,
        doc="List every message about an incident, with the instants that prove what became of it.",
        deed="read the proof of the pages of an incident",
        resource=PAGE,
        answer="list",
    ),
    Operation(
        name="incidents.pages_csv",
        upstream="not_there",
        routes=(Route("GET", "/api/v3/incidents/{id}/pages.csv"),),
        area="incidents",
        level="read",
        input=ById,
        handler=_table,
        doc="Download the whole ledger of an incident's messages as a table.",
        deed="downloaded the ledger of an incident",
        resource=PAGE,
        answer="flat",
        media="text/csv",
        filename="pages.csv",
    ),
    Operation(
        name="incidents.paging",
        upstream="not_there",
        routes=(Route("GET", "/api/v3/incidents/{id}/paging"),),
        area="incidents",
        level="read",
        input=ById,
        handler=_paging,
        doc="Get how soon the first page of an incident was accepted, and whether that was too late.",
        deed="read how the paging of an incident went",
        resource=PAGE,
        answer="flat",
        flat=Paging,
    ),
)
