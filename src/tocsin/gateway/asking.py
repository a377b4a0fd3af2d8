"""When an agent may not decide by itself: a person is asked, and their yes is good for exactly that call, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tocsin.agents import actions as agents
from tocsin.agents.model import Agent, ApprovalState
from tocsin.gateway import audit
from tocsin.gateway.rules import Verdict
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Pending, Refused
from tocsin.registry import Operation
from tocsin.storage import Tx


def approved(
    tx: Tx,
    agent: Agent,
    operation: Operation,
    path: Mapping[str, str],
    sent: Mapping[str, Any],
    digest: str,
    verdict: Verdict,
    *,
    base_url: str,
    look: Callable[[], Mapping[str, Any]],
) -> tuple[int, str]:
    """Which approval allows exactly this call, and whose it is; it is used up by it, in its transaction.

    `look`: what the call would do to people, found out when they are to be asked. Raises Pending when nobody has
    approved it yet (people are asked by mail, once), and Refused when somebody said no lately.
    """
    before = agents.latest(tx, agent.id, digest)
    if before is not None and before.state is ApprovalState.APPROVED and agents.use(tx, before):
        return before.id, before.decided_by or "a person"
    if before is not None and agents.refused_lately(before, tx.now):
        raise Refused(f"You may not do this: {before.decided_by} has refused exactly this a short while ago.")
    waits = before is not None and before.state is ApprovalState.PENDING
    approval = agents.ask(
        tx,
        agent,
        operation=operation.name,
        digest=digest,
        sentence=_wish(operation, path),
        arguments={**path, **audit.redacted(operation, sent)},
        preview={} if waits else look(),
        why=verdict.reason,
        base_url=base_url,
    )
    pending = Pending(
        f"{verdict.reason}: a person has been asked. Make exactly the same call again later, or look at approval "
        f"{approval.id}; the question is open until {to_wire(approval.expires_at)}.",
        approval_id=approval.id,
        expires_at=to_wire(approval.expires_at),
        preview=approval.preview,
    )
    pending.rule, pending.why = verdict.rule, verdict.reason
    raise pending


def give_back(tx: Tx, verdict: Verdict | None) -> None:
    """What was approved came to nothing: nobody need be asked about it again as long as their yes is good."""
    if verdict is not None and verdict.approval_id is not None:
        agents.give_back(tx, verdict.approval_id)


def _wish(operation: Operation, path: Mapping[str, str]) -> str:
    """What it wants, in words: the operation's own, and which record, e.g. `delete a monitor (id 12)`."""
    doc = operation.doc.rstrip(".").split(";")[0].split(":")[0]
    which = ", ".join(f"{name} {value}" for name, value in path.items())
    return f"{doc[:1].lower()}{doc[1:]}{f' ({which})' if which else ''}"
