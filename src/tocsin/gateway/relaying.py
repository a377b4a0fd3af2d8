"""The same door in front of somebody else's house: agents' calls are judged and written down here, and done there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError

from tocsin.accounts import actions as accounts
from tocsin.gateway import asking, budgets, idempotency, rules, under_way
from tocsin.gateway.door import Door, _Failed, _why_not
from tocsin.gateway.identity import NOBODY, Actor, is_agents, recognise
from tocsin.gateway.outgoing import Incoming, Outgoing, Trouble, Upstream, Upstreams, other_team, prepared
from tocsin.gateway.request import Reply, Request, sent_in
from tocsin.gateway.under_way import FORWARDED
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import (
    Pending,
    Refused,
    TocsinError,
    Unauthenticated,
    Unavailable,
    UpstreamFailed,
    UpstreamSilent,
)
from tocsin.registry import Catalogue, Operation
from tocsin.storage import Database, Tx

log = structlog.get_logger()


class NotRehearsed(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a dry run of a write that would leave us: what would be sent, and that we know no more."""

    dry_run: bool = True
    summary: tuple[str, ...]
    effects_known: bool = False
    would_send: Mapping[str, Any]


class _Passing(msgspec.Struct, frozen=True, kw_only=True):
    """A call that may leave, and whose entry is durable."""

    request: Request
    actor: Actor
    upstream: Upstream
    outgoing: Outgoing
    verdict: rules.Verdict
    reply: Reply | None = None
    """Already answered: a dry run."""


class RelayingDoor(Door):
    """Recognises, judges and writes down like every door; what an agent may do is done upstream, by our token.

    Calls of people and of teams' tokens, and what is about the gateway itself, are done here as always.
    """

    def __init__(self, database: Database, catalogue: Catalogue, clock: Clock, upstreams: Upstreams) -> None:
        super().__init__(database, catalogue, clock)
        self._upstreams = upstreams
        self._under_way: set[asyncio.Task[Reply]] = set()
        self._settling: set[asyncio.Task[None]] = set()

    async def call(self, request: Request) -> Reply:
        request = msgspec.structs.replace(request, began=self._clock.monotonic())
        if not is_agents(request.credential.token) or request.operation.upstream == "answered_here":
            return await super().call(request)
        await self._admit(request.credential)
        passing = await self._database.write(self._let_through, request)
        if passing is None:
            return await super().call(request)
        if isinstance(passing, _Failed):
            if isinstance(passing.error, Unauthenticated):
                self._throttle.refused(request.credential.client_address)
            raise passing.error
        if passing.reply is not None:
            return passing.reply
        # A task of its own: when the caller hangs up, what has left is still waited for and written down.
        task = asyncio.create_task(self._pass_on(passing))
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return await asyncio.shield(task)

    async def unmapped(self, request: Request) -> NoReturn:
        """Write down that somebody asked for what is nowhere in the registry.

        Raises Refused when we know them, else Unauthenticated, or TooMany.
        """
        await self._admit(request.credential)
        failed = await self._database.write(self._refuse_unmapped, request)
        if isinstance(failed.error, Unauthenticated):
            self._throttle.refused(request.credential.client_address)
        raise failed.error

    async def close(self, within_seconds: float = 1.5) -> None:
        """Wait for what is under way; what is not answered by then is written down at the next start."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=within_seconds)
        if self._settling:
            await asyncio.wait(self._settling, timeout=within_seconds)

    async def settle_what_was_cut_off(self) -> None:
        """After a start: what left and has no answer on record was under way when we ended; nobody knows of it."""
        await self._database.write(under_way.settle, self.catalogue)

    def _done(self, task: asyncio.Task[Reply]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # the caller may have gone: nobody else would look

    def _offered(self, tx: Tx, actor: Actor) -> list[Operation]:
        operations = super()._offered(tx, actor)
        if actor.agent is not None and self._upstream_of(tx, actor) is not None:
            operations = [each for each in operations if each.upstream != "not_there"]
        return operations

    def _upstream_of(self, tx: Tx, actor: Actor) -> Upstream | None:
        assert actor.agent is not None
        return self._upstreams.of(accounts.team(tx, actor.agent.team_id).name)

    def _let_through(self, tx: Tx, request: Request) -> _Passing | _Failed | None:
        """Judge, and write down before anything leaves; None when this agent's team has nobody behind it."""
        actor = NOBODY
        try:
            actor = recognise(tx, request.credential)
            assert actor.agent is not None
            upstream = self._upstream_of(tx, actor)
            if upstream is None:
                return None
            outgoing = self._prepared(actor, request, upstream.name)
            request = msgspec.structs.replace(request, outgoing=outgoing)
            verdict = self._budgeted(tx, actor, request, self._judge(tx, actor, request))
        except DBAPIError:
            raise
        except TocsinError as error:
            self._note(tx, request, actor, "asked" if isinstance(error, Pending) else "denied", _why_not(error))
            return _Failed(error)
        if actor.token_id is not None:
            self._used_agent_tokens.add(actor.token_id)
        passing = _Passing(
            request=request, actor=actor, upstream=upstream, outgoing=outgoing, verdict=verdict
        )  # fmt: skip
        if request.dry_run and not request.operation.reads:
            self._note(tx, request, actor, "allowed", _more(verdict, f"nothing was sent to {upstream.name}"))
            return msgspec.structs.replace(passing, reply=_not_rehearsed(passing))
        self._note(tx, request, actor, FORWARDED, _more(verdict, f"goes on to {upstream.name}"))
        return passing

    def _prepared(self, actor: Actor, request: Request, to: str) -> Outgoing:
        """Who may not do a thing hears so, and not what is wrong with the way in which they said it."""
        assert actor.agent is not None
        operation = request.operation
        if operation.upstream == "not_there":
            raise Refused(f"You may not do this: {operation.name} is Tocsin's own, and this agent works elsewhere.")
        try:
            if request.team_id is not None:
                raise other_team("team_id")
            return prepared(
                operation,
                request.route,
                request.arguments,
                request.raw,
                actor.agent,
                to=to,
                dry_run=request.dry_run,
                idempotency_key=request.idempotency_key,
                request_id=request.request_id,
            )
        except TocsinError:
            self._paces.take(actor.agent.id, actor.agent.budgets.requests_per_minute)
            verdict = rules.decide(actor, operation)
            if verdict.answer is rules.Answer.DENY:
                refusal = Refused(f"You may not do this: {verdict.reason}.")
                refusal.rule, refusal.why = verdict.rule, verdict.reason
                raise refusal from None
            raise

    def _budgeted(self, tx: Tx, actor: Actor, request: Request, verdict: rules.Verdict) -> rules.Verdict:
        """Whom a call wakes over there we cannot know: it counts as one page, one mail. Raises Pending beyond that."""
        assert actor.agent is not None
        acts = request.operation.acts_of(sent_in(request))
        costs = {"page": int("page" in acts), "subscriber_mail": int("notify" in acts)}
        if request.dry_run or not any(costs.values()):
            return verdict
        try:
            budgets.spend(tx, actor.agent, costs, approved=verdict.approved_by is not None)
        except budgets.OverBudget as over:
            verdict = self._ask(tx, actor, request, rules.Verdict(rules.Answer.ASK, over.reason, "budget"))
            budgets.spend(tx, actor.agent, costs, approved=True)
        return verdict

    def _done_before(self, tx: Tx, actor: Actor, request: Request) -> bool:
        """What was done here under the same Idempotency-Key was not done there."""
        return request.outgoing is None and super()._done_before(tx, actor, request)

    def _ask(self, tx: Tx, actor: Actor, request: Request, verdict: rules.Verdict) -> rules.Verdict:
        outgoing = request.outgoing
        if outgoing is None:
            return super()._ask(tx, actor, request, verdict)
        assert actor.agent is not None
        digest = idempotency.digest(request.operation.name, request.arguments.path, outgoing.exactly)
        words = (
            f"Sends {outgoing.method} {outgoing.target} to {outgoing.to}. Whom it wakes or mails there is "
            "not known here."
        )
        id, by = asking.approved(
            tx,
            actor.agent,
            request.operation,
            request.arguments.path,
            sent_in(request),
            digest,
            verdict,
            base_url=request.base_url,
            look=lambda: {"words": words},
        )
        return rules.Verdict(rules.Answer.ALLOW, f"approved by {by}", verdict.rule, id, by)

    def _refuse_unmapped(self, tx: Tx, request: Request) -> _Failed:
        actor = NOBODY
        try:
            actor = recognise(tx, request.credential)
            if actor.agent is not None:
                self._paces.take(actor.agent.id, actor.agent.budgets.requests_per_minute)
            raise Refused("There is no such operation, and what is not known cannot be granted.")
        except TocsinError as error:
            self._note(tx, request, actor, "denied", _why_not(error))
            return _Failed(error)

    async def _pass_on(self, passing: _Passing) -> Reply:
        """Send it, outside of any transaction, and write down what came of it."""
        request, name = passing.request, passing.upstream.name
        try:
            incoming = await passing.upstream.send(passing.outgoing)
        except Trouble as trouble:
            lost = not (trouble.undone or request.operation.reads)
            await self._settle(passing, "ambiguous" if lost else "failed", f"{name} {trouble.words}")
            raise _error(name, trouble, lost) from None
        except BaseException:  # a fault of ours, or we are being stopped: what has left has left
            lost = not request.operation.reads
            await self._settle(passing, "ambiguous" if lost else "failed", "it was cut off before an answer came")
            raise
        settling = asyncio.create_task(self._settle(passing, *_outcome(request.operation, name, incoming)))
        if request.operation.reads:  # that it left is on record; what came of a read nobody need wait for
            self._settling.add(settling)
            settling.add_done_callback(self._settling.discard)
        else:
            await settling
        return Reply(
            operation=request.operation,
            route=request.route,
            status=incoming.status,
            body=incoming.body,
            passed_back=incoming,
        )

    async def _settle(self, passing: _Passing, outcome: str, reason: str) -> None:
        """The entry of what came of it. That it left is on record already, so an answer is passed back in any case."""
        why = msgspec.structs.replace(passing.verdict, reason=reason)
        try:
            await self._database.write(self._note, passing.request, passing.actor, outcome, why)
        except (TocsinError, RuntimeError):
            log.exception("what came of a call upstream could not be recorded", request_id=passing.request.request_id)


def _more(verdict: rules.Verdict, words: str) -> rules.Verdict:
    return msgspec.structs.replace(verdict, reason=f"{verdict.reason}; {words}")


def _outcome(operation: Operation, name: str, incoming: Incoming) -> tuple[str, str]:
    said = f"{name} answered {incoming.status}"
    if incoming.status < 400:
        return "allowed", said
    if incoming.status >= 500 and not operation.reads:
        return "ambiguous", f"{said}: whether it was done is not known"
    return "failed", said


def _error(name: str, trouble: Trouble, lost: bool) -> TocsinError:
    words = f"{name} {trouble.words}."
    if lost:
        words += " Whether it was done is not known: look before you do it again."
    elif trouble.undone:
        words += " Nothing was done."
    if trouble.busy:
        return Unavailable(words, retry_after_seconds=5)
    return UpstreamSilent(words) if trouble.slow else UpstreamFailed(words)


def _not_rehearsed(passing: _Passing) -> Reply:
    request, outgoing, name = passing.request, passing.outgoing, passing.upstream.name
    body = sent_in(request)
    seen = NotRehearsed(
        summary=(
            f"Would send {outgoing.method} {outgoing.target} to {name}.",
            f"What it would do there is not known: {name} cannot be asked to rehearse. Nothing was sent.",
        ),
        would_send={"method": outgoing.method, "target": outgoing.target, "to": name, "body": body},
    )
    return Reply(
        operation=request.operation,
        route=request.route,
        value=seen,
        body=msgspec.json.encode(seen),
        preview=True,
    )
