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

MORE_READERS_PERCENT = 10
"""So many more subscribers may be mailed than when it was approved: they come and go all the time."""


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

    `look`: what the call would do to people, found out when they are to be asked, and again when their yes is used:
    if it would reach others by then, they are asked anew. Raises Pending when nobody has approved it yet (people are
    asked by mail, once), and Refused when somebody said no lately.
    """
    before = agents.latest(tx, agent.id, digest)
    preview: Mapping[str, Any] | None = None
    why = verdict.reason
    if before is not None and before.state is ApprovalState.APPROVED:
        preview = look()
        more = reaches_further(before.preview, preview)
        if more is None and agents.use(tx, before):
            return before.id, before.decided_by or "a person"
        if more is not None:
            agents.end(tx, before)
            why = f"{why}; {before.decided_by} approved it, but since then it would {more}"
    if before is not None and agents.refused_lately(before, tx.now):
        raise Refused(f"You may not do this: {before.decided_by} has refused exactly this a short while ago.")
    waits = before is not None and before.state is ApprovalState.PENDING
    approval = agents.ask(
        tx,
        agent,
        operation=operation.name,
        digest=digest,
        sentence=_wish(operation, path),
        arguments={**path, **audit.readable(operation, sent)},
        preview={} if waits else preview or look(),
        why=why,
        base_url=base_url,
    )
    pending = Pending(
        f"{why}: a person has been asked. Make exactly the same call again later, or look at approval "
        f"{approval.id}; the question is open until {to_wire(approval.expires_at)}.",
        approval_id=approval.id,
        expires_at=to_wire(approval.expires_at),
        preview=approval.preview,
    )
    pending.rule, pending.why = verdict.rule, why
    raise pending


def reaches_further(approved: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """What a call would do to people beyond what was approved, in words; None when nothing.

    Fewer is no reason to ask again, nor are a few readers who have subscribed to a status page meanwhile.
    """
    if "wakes" not in approved or "wakes" not in now:  # somebody else's house, where nobody knows
        return None
    others = [each for each in now["wakes"] if each not in approved["wakes"]]
    if others:
        return f"page {', '.join(others[:5])}{' and others' if len(others) > 5 else ''}"
    if now["pages"] > approved["pages"]:
        return f"send {now['pages']} pages at once and not {approved['pages']}"
    if now["night_calls"] > approved["night_calls"]:
        return "call somebody at night"
    mails = approved["subscriber_mails"]
    if now["subscriber_mails"] > mails + mails * MORE_READERS_PERCENT // 100:
        return f"mail {now['subscriber_mails']:,} subscribers and not {mails:,}"
    return None


def give_back(tx: Tx, verdict: Verdict | None) -> None:
    """What was approved came to nothing: nobody need be asked about it again as long as their yes is good."""
    if verdict is not None and verdict.approval_id is not None:
        agents.give_back(tx, verdict.approval_id)


def _wish(operation: Operation, path: Mapping[str, str]) -> str:
    """What it wants, in words: the operation's own, and which record, e.g. `delete a monitor (id 12)`."""
    doc = operation.doc.rstrip(".").split(";")[0].split(":")[0]
    which = ", ".join(f"{name} {value}" for name, value in path.items())
    return f"{doc[:1].lower()}{doc[1:]}{f' ({which})' if which else ''}"
