"""The one door: whoever calls whatever, from whichever surface, passes here and is written down here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec
import structlog
from sqlalchemy.exc import DBAPIError

from tocsin.gateway import (
    asking,
    audit,
    budgets,
    effects,
    idempotency,
    links,
    naming,
    plans,
    preview,
    reach,
    rules,
    targets,
    trash,
)
from tocsin.gateway.again import Again
from tocsin.gateway.hiding import Hiding, sees_addresses
from tocsin.gateway.identity import NOBODY, UNAUTHENTICATED, Actor, Credential, recognise
from tocsin.gateway.request import Included, Reply, Request, asked_in, digest_of, drafted, run_errand, sent_in
from tocsin.gateway.throttle import Paces, StillTooMany, Throttle
from tocsin.kernel.clock import Clock
from tocsin.kernel.errors import Invalid, Pending, Refused, TocsinError, Unauthenticated
from tocsin.registry import Call, Catalogue, Done, Operation
from tocsin.registry.input import addressed, read
from tocsin.storage import Database, Tx

log = structlog.get_logger()


class _Failed(msgspec.Struct, frozen=True):
    """An error that is an answer: returned, not raised, so that the audit entry beside it is kept."""

    error: Exception


class _Seen(msgspec.Struct, frozen=True):
    """What came of a read, and what is to be said of it."""

    answer: Reply | _Failed
    actor: Actor
    outcome: str
    why: rules.Verdict


class Door:
    """Recognise, judge, write down, do: in one transaction, so that the log and the deed cannot differ."""

    def __init__(self, database: Database, catalogue: Catalogue, clock: Clock) -> None:
        self._database = database
        self.catalogue = catalogue
        self._clock = clock
        self._throttle = Throttle(clock)
        self._paces = Paces(clock)
        self._hiding = Hiding(catalogue)
        self._used_tokens: set[int] = set()
        self._used_agent_tokens: set[int] = set()

    async def call(self, request: Request) -> Reply:
        """Do what is asked, or raise one of `kernel.errors`.

        Every write, every refusal and every call of an agent is in the audit log, durably, before this returns or
        raises: what cannot be written down is neither done nor answered (`Unavailable`). Only strangers who have been
        refused hundreds of times within the minute are sent off (`TooMany`) without a further entry.
        """
        request = msgspec.structs.replace(request, began=self._clock.monotonic())
        await self._admit(request.credential)
        if request.operation.reads:
            return await self._told(request, await self._database.read(self._read, request))
        return await self._answered(request, await self._database.write(self._write, request))

    async def several(self, requests: Sequence[Request]) -> list[Reply | Exception]:
        """Reads of one person, all of the same instant, in one look into the database.

        Each is judged, hidden and written down as by `call`; what `call` would raise stands in the place of the answer.
        Raises only what is the database's own trouble.
        """
        credential = requests[0].credential
        assert all(each.operation.reads and each.credential == credential for each in requests)
        assert credential.user_id is not None, "agents' calls are counted, and may go elsewhere, one by one"
        began = self._clock.monotonic()
        requests = [msgspec.structs.replace(each, began=began) for each in requests]
        await self._admit(credential)
        seen = await self._database.read(self._read_each, requests)
        answers: list[Reply | Exception] = []
        for request, each in zip(requests, seen, strict=True):
            try:
                answers.append(await self._told(request, each))
            except Exception as error:
                answers.append(error)
        return answers

    async def _told(self, request: Request, seen: _Seen) -> Reply:
        """The answer to a read, once what must be is on record."""
        repeated = isinstance(seen.answer, _Failed) and isinstance(seen.answer.error, StillTooMany)
        if rules.on_record(seen.actor, seen.outcome) and not repeated:
            await self._database.write(self._write_down, request, seen)
        return await self._answered(request, seen.answer)

    async def _answered(self, request: Request, answer: Reply | _Failed) -> Reply:
        if isinstance(answer, _Failed):
            if isinstance(answer.error, Unauthenticated):
                self._throttle.refused(request.credential.client_address)
            raise answer.error
        return await run_errand(request, answer)

    async def known(self, credential: Credential) -> Actor:
        """Who this is, before anything is asked. Raises Unauthenticated, or TooMany for whoever keeps guessing."""
        try:
            return await self._database.read(recognise, credential)
        except Unauthenticated:
            pass
        if self._throttle.exhausted(credential.client_address):
            raise self._throttle.too_many()
        self._throttle.refused(credential.client_address)
        raise Unauthenticated(UNAUTHENTICATED)

    async def _admit(self, credential: Credential) -> None:
        """Send off a stranger who has been refused too often within the minute."""
        if self._throttle.exhausted(credential.client_address) and not await self._database.read(_known, credential):
            raise self._throttle.too_many()

    async def permitted(self, credential: Credential) -> tuple[Actor, list[Operation]]:
        """Who this is, and all that they may do or ask for: what a surface lists is what a call allows.

        Raises Unauthenticated.
        """
        return await self._database.read(self._permitted, credential)

    def _permitted(self, tx: Tx, credential: Credential) -> tuple[Actor, list[Operation]]:
        actor = recognise(tx, credential)
        return actor, self._offered(tx, actor)

    def _offered(self, tx: Tx, actor: Actor) -> list[Operation]:
        return [
            operation
            for operation in self.catalogue
            if operation.routes
            and rules.decide(actor, operation, narrowable=targets.narrowable(operation)).answer is not rules.Answer.DENY
        ]

    def take_used_tokens(self) -> list[int]:
        """The tokens seen since this was last asked, for the housekeeping to note."""
        used, self._used_tokens = self._used_tokens, set()
        return list(used)

    def take_used_agent_tokens(self) -> list[int]:
        """The same of agents' tokens."""
        used, self._used_agent_tokens = self._used_agent_tokens, set()
        return list(used)

    def _read_each(self, tx: Tx, requests: Sequence[Request]) -> list[_Seen]:
        found: list[_Seen] = []
        for request in requests:  # whoever was recognised for the first is the same for the others
            known = found[-1].actor if found and found[-1].actor is not NOBODY else None
            found.append(self._read(tx, request, known))
        return found

    def _read(self, tx: Tx, request: Request, known: Actor | None = None) -> _Seen:
        actor = NOBODY
        outcome = "denied"
        try:
            actor = known or recognise(tx, request.credential)
            verdict = self._judge(tx, actor, request)
            outcome = "failed"
            return _Seen(self._do(tx, actor, request), actor, "allowed", verdict)
        except DBAPIError:
            raise
        except TocsinError as error:
            if isinstance(error, Unauthenticated | Refused):
                outcome = "denied"  # whoever said so, the door or the deed
            return _Seen(_Failed(error), actor, outcome, _why_not(error))
        except Exception as error:
            log.exception("operation failed", operation=request.operation.name, request_id=request.request_id)
            return _Seen(_Failed(error), actor, outcome, _why_not(error))

    def _write(self, tx: Tx, request: Request) -> Reply | _Failed:
        actor = NOBODY
        outcome = "denied"
        verdict: rules.Verdict | None = None
        try:
            actor = recognise(tx, request.credential)
            asked, (request, plan) = request, self._planned(tx, actor, request)
            request = drafted(actor, request)
            verdict = self._judge(tx, actor, request)
            outcome = "failed"
            if request.dry_run:
                reply = self._rehearse(tx, actor, request)
            else:
                if plan is not None:
                    plans.check(plan, self._rehearse(tx, actor, request).value)
                reply, verdict = self._kept(tx, actor, request, verdict)
        except DBAPIError:
            raise  # the database's own trouble: rolled back whole, perhaps run again
        except Pending as error:
            self._note(tx, request, actor, "asked", _why_not(error))
            return _Failed(error)
        except StillTooMany as error:
            return _Failed(error)
        except TocsinError as error:
            if error.aftermath is not None:
                error.aftermath(tx)
            asking.give_back(tx, verdict)
            if isinstance(error, Refused):
                outcome = "denied"  # whoever said so, the door or the deed
            self._note(tx, request, actor, outcome, _why_not(error))
            return _Failed(error)
        except Exception as error:
            log.exception("operation failed", operation=request.operation.name, request_id=request.request_id)
            asking.give_back(tx, verdict)
            self._note(tx, request, actor, outcome, _why_not(error))
            return _Failed(error)
        if request.dry_run:
            self._note(tx, request, actor, "allowed", verdict)
        elif not reply.replayed:
            links.answered(tx, request.credential, actor.name, request.operation.deed)
            self._note(tx, request, actor, "allowed", verdict, reply)
        elif actor.kind == "agent":
            again = msgspec.structs.replace(verdict, reason=f"{verdict.reason}; sent again, and answered as before")
            self._note(tx, request, actor, "allowed", again)
        return reply if plan is None or reply.preview else plans.applied(tx, asked, plan, reply)

    def _planned(self, tx: Tx, actor: Actor, request: Request) -> tuple[Request, plans.Plan | None]:
        """Whoever applies a plan makes the call that they have planned: it is judged, and written down, as itself."""
        if request.operation.name != "plans.apply":
            return request, None
        given: Any = read(request.operation, request.route, request.arguments)
        plan = plans.take(tx, actor, given.id)
        operation = self.catalogue[plan.operation]
        route, sent = addressed(operation, plan.arguments)
        return msgspec.structs.replace(
            request, operation=operation, route=route, arguments=sent, idempotency_key=None, render=None
        ), plan  # fmt: skip

    def _rehearse(self, tx: Tx, actor: Actor, request: Request) -> Reply:
        reply, effects = preview.rehearse(tx, lambda: self._do(tx, actor, request))
        would = preview.would_be(reply)
        effects = effects if sees_addresses(actor.agent) else preview.without_addresses(effects)
        seen = preview.shown(would, effects, reply.trashed)
        return Reply(
            operation=request.operation, route=request.route, value=seen, body=msgspec.json.encode(seen), preview=True
        )  # fmt: skip

    def _kept(self, tx: Tx, actor: Actor, request: Request, verdict: rules.Verdict) -> tuple[Reply, rules.Verdict]:
        """Do it for good, or not at all; and why it was allowed in the end. Raises Pending over an agent's budget."""
        try:
            with tx.savepoint():
                return self._measured(tx, actor, request, approved=verdict.approved_by is not None), verdict
        except budgets.OverBudget as over:
            beyond = rules.Verdict(rules.Answer.ASK, over.reason, "budget")
        allowed = self._ask(tx, actor, request, beyond)
        try:
            with tx.savepoint():
                return self._measured(tx, actor, request, approved=True), allowed
        except TocsinError:
            asking.give_back(tx, allowed)
            raise

    def _measured(self, tx: Tx, actor: Actor, request: Request, *, approved: bool) -> Reply:
        """Do it; what an agent takes of people by it is counted. Raises budgets.OverBudget, then it must be undone."""
        agent = actor.agent
        if agent is None:
            return self._once(tx, actor, request)
        since = effects.before(tx)
        reply = self._once(tx, actor, request)
        if reply.replayed:
            return reply
        found = effects.effects(tx, since)
        acts, reached = request.operation.acts_of(sent_in(request)), budgets.reached(found)
        if reached - acts and not approved:
            verdict = rules.unforeseen(agent, request.operation, reached - acts, None)
            if verdict.answer is rules.Answer.ASK:
                raise budgets.OverBudget(verdict.reason)
            rules.insist(verdict)
        if (acts | reached) & budgets.COUNTED:
            budgets.spend(tx, agent, budgets.cost(found, tx.now), approved=approved)
        return reply

    def _once(self, tx: Tx, actor: Actor, request: Request) -> Reply:
        """Do it, unless this Idempotency-Key says that it was done before."""
        key = request.idempotency_key
        body = request.arguments.body
        if key is None or isinstance(body, Invalid) or request.operation.errand is not None:
            return self._do(tx, actor, request)
        digest = digest_of(request)
        before = idempotency.remembered(tx, actor, key, digest)
        if before is not None:
            status, answer = before
            return Reply(operation=request.operation, route=request.route, status=status, body=answer, replayed=True)
        reply = self._do(tx, actor, request)
        idempotency.remember(tx, actor, key, digest, reply.status, reply.body or b"")
        return reply

    def _do(self, tx: Tx, actor: Actor, request: Request) -> Reply:
        operation = request.operation
        if actor.kind in ("token", "global_token") and actor.id is not None:
            self._used_tokens.add(actor.id)
        if actor.token_id is not None:
            self._used_agent_tokens.add(actor.token_id)
        team_ids, team_id = reach.teams(tx, actor, request)
        call = Call(
            actor=actor,
            team_ids=team_ids,
            team_id=team_id,
            reach=targets.reach(tx, actor, operation),
            request_id=request.request_id,
            surface=request.surface,
            base_url=request.base_url,
            again=Again(self.catalogue, actor, partial(self._rehearse_other, actor, request), self._offered),
        )
        given = read(operation, request.route, request.arguments)
        value, trashed = self._handled(tx, actor, request, partial(operation.handler, tx, call, given))
        status = operation.success
        if isinstance(value, Done):
            status, value = value.status, value.value
        reply = Reply(
            operation=operation,
            route=request.route,
            status=status,
            value=value,
            included=self._included(tx, actor, call, request, value),
            hidden=self._hiding.of(actor, operation, operation.acts_of(sent_in(request))),
            trashed=trashed,
        )
        if request.render is None or operation.errand is not None:
            return reply
        return msgspec.structs.replace(reply, body=request.render(reply))

    def _handled(
        self, tx: Tx, actor: Actor, request: Request, handler: Callable[[], Any]
    ) -> tuple[Any, trash.Item | None]:
        """Whatever deletes is kept in the trash, in the same transaction."""
        if "delete" not in request.operation.acts_of(sent_in(request)):
            return handler(), None
        deed = trash.Deed(
            operation=request.operation,
            route=request.route,
            path=request.arguments.path,
            actor=actor,
            surface=request.surface,
            request_id=request.request_id,
        )
        return trash.keeping(tx, deed, handler)

    def _rehearse_other(
        self, actor: Actor, before: Request, tx: Tx, operation: Operation, arguments: Mapping[str, Any]
    ) -> preview.Preview:
        """A dry run of another operation for the same caller: see `gateway.again`."""
        route, sent = addressed(operation, arguments)
        request = msgspec.structs.replace(
            before, operation=operation, route=route, arguments=sent, idempotency_key=None, render=None, dry_run=True
        )
        why = self._judge(tx, actor, request)
        reply = self._rehearse(tx, actor, request)
        self._note(tx, request, actor, "allowed", why)
        assert isinstance(reply.value, preview.Preview)
        return reply.value

    def _included(self, tx: Tx, actor: Actor, call: Call, request: Request, value: Any) -> Included:
        """What the record names as belonging to it, fetched with the caller's own rights; what is gone is left out."""
        resource = request.route.resource or request.operation.resource
        if request.operation.answer != "one" or resource is None or resource.included is None or value is None:
            return []
        found: Included = []
        for name, id in resource.included(value):
            if name not in self.catalogue:
                continue
            get = self.catalogue[name]
            if not targets.shown(tx, actor, get, id):
                continue  # an agent sees no more of a monitor through its incident than by asking for it
            try:
                record = get.handler(tx, call, get.input(id=id))
            except TocsinError:
                continue
            assert get.resource is not None
            found.append((get.resource, record))
        return found

    def _judge(self, tx: Tx, actor: Actor, request: Request) -> rules.Verdict:
        """Whether they may, with the reason. Raises Refused, TooMany, and Pending when a person must approve it."""
        if actor.agent is not None:
            self._paces.take(actor.agent.id, actor.agent.budgets.requests_per_minute)
        sent = sent_in(request)
        path = request.arguments.path
        verdict = targets.judge(tx, actor, request.operation, path, sent)
        if verdict.answer is rules.Answer.ASK and request.dry_run:
            return rules.Verdict(rules.Answer.ALLOW, f"only previewed: {verdict.reason}", verdict.rule)
        if verdict.answer is rules.Answer.ASK and self._done_before(tx, actor, request):
            return rules.Verdict(rules.Answer.ALLOW, verdict.reason, verdict.rule, approved_by="a person, before")
        if verdict.answer is rules.Answer.ASK:
            return self._ask(tx, actor, request, verdict)
        rules.insist(verdict)
        return verdict

    def _done_before(self, tx: Tx, actor: Actor, request: Request) -> bool:
        """Whether this Idempotency-Key brings back an answer: nobody is asked about that twice."""
        key = request.idempotency_key
        return key is not None and idempotency.remembered(tx, actor, key, digest_of(request)) is not None

    def _ask(self, tx: Tx, actor: Actor, request: Request, verdict: rules.Verdict) -> rules.Verdict:
        """Whether a person has approved exactly this call. Raises Pending when they are to be asked first.

        What could not be done anyway is not asked: it is rehearsed before, and its error raised instead.
        """
        assert actor.agent is not None

        def look() -> dict[str, Any]:
            reply, found = preview.rehearse(tx, lambda: self._do(tx, actor, request))
            return preview.for_approval(found, naming.about(request, reply))

        call = request.operation, request.arguments.path, sent_in(request), digest_of(request)
        id, by = asking.approved(tx, actor.agent, *call, verdict, base_url=request.base_url, look=look)
        return rules.Verdict(rules.Answer.ALLOW, f"approved by {by}", verdict.rule, id, by)

    def _write_down(self, tx: Tx, request: Request, seen: _Seen) -> None:
        reply = None if isinstance(seen.answer, _Failed) else seen.answer
        self._note(tx, request, seen.actor, seen.outcome, seen.why, reply)

    def _note(
        self, tx: Tx, request: Request, actor: Actor, outcome: str, why: rules.Verdict, reply: Reply | None = None
    ) -> None:
        known = actor is not NOBODY
        team_id = naming.team_of(actor, reply)
        asked = asked_in(request) if known else {}
        audit.write(
            tx,
            audit.Entry(
                actor=actor,
                owner_name=naming.owner_name(tx, actor),
                operation=request.operation,
                surface=request.surface,
                request_id=request.request_id,
                outcome=outcome,
                reason=why.reason if known else "no valid token",
                rule=why.rule or None,
                approval_id=None if why.approval_id is None else str(why.approval_id),
                approved_by=why.approved_by,
                target=naming.target(request, reply),
                target_name=naming.target_name(request, reply),
                team_id=team_id,
                team_name=naming.team_name_of(tx, team_id),
                arguments=asked,
                previewed=request.dry_run and not request.operation.reads,
                arguments_hash=_arguments_hash(tx, request, asked) if known else None,
                client_address=request.credential.client_address,
                client_name=audit.named(request.credential.client_name),
                credential_hint=(actor.last4 or audit.hint(request.credential.token)) if known else None,
                latency_ms=round((self._clock.monotonic() - request.began) * 1_000),
            ),
        )


def _why_not(error: Exception) -> rules.Verdict:
    """What the log says of a call that came to nothing."""
    if not isinstance(error, TocsinError):
        return rules.Verdict(rules.Answer.ALLOW, f"a fault of ours ({type(error).__name__})")
    if isinstance(error, Pending):
        return rules.Verdict(rules.Answer.ASK, error.why, error.rule, error.approval_id)
    return rules.Verdict(rules.Answer.DENY, error.why or error.message, error.rule)


def _arguments_hash(tx: Tx, request: Request, asked: dict[str, Any]) -> str:
    return audit.arguments_hash(tx.vault, request.operation, request.arguments.path, asked)


def _known(tx: Tx, credential: Credential) -> bool:
    """Whether this credential is anybody's."""
    try:
        recognise(tx, credential)
    except TocsinError:
        return False
    return True
