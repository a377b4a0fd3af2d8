"""The addresses of contact methods: people's own addresses, and the codes that prove them."""

from __future__ import annotations

import msgspec
from msgspec import UNSET, UnsetType

from tocsin.accounts import actions as accounts
from tocsin.accounts.model import User
from tocsin.contacts import actions
from tocsin.contacts.model import ACCOUNT_METHOD_ID, CHANNELS, Kind, Method
from tocsin.kernel.clock import to_wire
from tocsin.kernel.errors import Invalid
from tocsin.registry import Call, Operation, Resource, Route
from tocsin.storage import Tx

AREA = "team"
PERSON = "/api/v2/users/{user}"
_ALL = f"{PERSON}/contact-methods"
_ONE = f"{_ALL}/{{id}}"


class ContactMethodAttributes(msgspec.Struct, kw_only=True):
    """One address of one person; what is secret is shown shortened."""

    user_id: int
    kind: Kind
    channels: tuple[str, ...]
    """By which pages can go there."""
    label: str
    address: str
    account: bool
    """Whether it is the account's own: always there, always verified."""
    verified: bool
    verified_at: str | None
    gone_at: str | None
    """Since when the provider says that nothing can be sent there ever again."""
    gone_because: str | None
    created_at: str
    updated_at: str


def _render(method: Method) -> ContactMethodAttributes:
    return ContactMethodAttributes(
        user_id=method.user_id,
        kind=method.kind,
        channels=CHANNELS[method.kind],
        label=method.label,
        address=method.address,
        account=method.id == ACCOUNT_METHOD_ID,
        verified=method.verified_at is not None,
        verified_at=None if method.verified_at is None else to_wire(method.verified_at),
        gone_at=None if method.retired_at is None else to_wire(method.retired_at),
        gone_because=method.retired_why or None,
        created_at=to_wire(method.created_at),
        updated_at=to_wire(method.updated_at),
    )


CONTACT_METHOD = Resource(
    type="contact_method",
    attributes=ContactMethodAttributes,
    render=_render,
    doc="A way to reach a person. Nothing but a code is sent there before it is verified.",
)


class PushLinkAnswer(msgspec.Struct, kw_only=True):
    """Where a browser or phone is made to receive push notifications."""

    url: str
    """Secret: whoever opens it receives this person's pages."""
    expires_at: str


class Subscribe(msgspec.Struct, kw_only=True):
    """`subscription`: what a browser's PushSubscription says of itself, as JSON (W3C Push API, 8)."""

    user: str
    subscription: str
    label: str = ""


class OfPerson(msgspec.Struct, kw_only=True):
    """`user`: an id, an e-mail address, or `me`."""

    user: str


class OneOfPerson(msgspec.Struct, kw_only=True):
    """`user`: an id, an e-mail address, or `me`."""

    user: str
    id: int


class CreateMethod(msgspec.Struct, kw_only=True):
    """An address to be verified: `address` is a number, an e-mail address, a chat id, a topic's URL, a key or a URL."""

    user: str
    kind: str
    address: str
    label: str = ""


class UpdateMethod(msgspec.Struct, kw_only=True):
    """What changes; another address is another contact method."""

    user: str
    id: int
    label: str | UnsetType | None = UNSET


class VerifyMethod(msgspec.Struct, kw_only=True):
    """The code that was sent there."""

    user: str
    id: int
    code: str


def person(tx: Tx, call: Call, named: str) -> User:
    """Whom the address names, within the teams that the caller may see."""
    return actions.member(tx, named, call.team_ids, call.actor.user_id)


def _list(tx: Tx, call: Call, input: OfPerson) -> list[Method]:
    return actions.methods_of(tx, person(tx, call, input.user))


def _get(tx: Tx, call: Call, input: OneOfPerson) -> Method:
    return actions.find_method(tx, person(tx, call, input.user), input.id)


def _create(tx: Tx, call: Call, input: CreateMethod) -> Method:
    user = person(tx, call, input.user)
    if input.kind not in [*Kind]:
        raise Invalid.values({"kind": [kind.value for kind in Kind if kind is not Kind.PUSH]})
    return actions.create_method(
        tx, user, kind=Kind(input.kind), address=input.address, label=input.label, team_id=_team(tx, call, user)
    )


def _update(tx: Tx, call: Call, input: UpdateMethod) -> Method:
    return actions.rename_method(tx, person(tx, call, input.user), input.id, input.label)


def _delete(tx: Tx, call: Call, input: OneOfPerson) -> None:
    actions.remove_method(tx, person(tx, call, input.user), input.id)


def _send_code(tx: Tx, call: Call, input: OneOfPerson) -> Method:
    user = person(tx, call, input.user)
    method = actions.find_method(tx, user, input.id)
    actions.send_code(tx, user, method, team_id=_team(tx, call, user))
    return method


def _verify(tx: Tx, call: Call, input: VerifyMethod) -> Method:
    user = person(tx, call, input.user)
    actions.verify(tx, user, actions.find_method(tx, user, input.id), input.code)
    return actions.find_method(tx, user, input.id)


def _push_link(tx: Tx, call: Call, input: OfPerson) -> PushLinkAnswer:
    link = actions.push_link(tx, person(tx, call, input.user).id)
    return PushLinkAnswer(url=f"{call.base_url}/push/{link.token}", expires_at=to_wire(link.expires_at))


def _subscribe(tx: Tx, call: Call, input: Subscribe) -> Method:
    user = person(tx, call, input.user)
    return actions.find_method(tx, user, actions.add_push(tx, user.id, input.subscription, input.label))


def _team(tx: Tx, call: Call, user: User) -> int:
    """The team on whose behalf a code is sent: one that both the caller and the person are in."""
    shared = [id for id in accounts.team_ids_of(tx, user.id) if call.team_ids is None or id in call.team_ids]
    if not shared:
        raise Invalid(f"{user.name} is in no team.")
    return shared[0]


def method_operations() -> tuple[Operation, ...]:
    """What can be done with people's addresses."""
    return (
        Operation(
            name="contact_methods.list", routes=(Route("GET", _ALL),), area=AREA, level="read", input=OfPerson,
            upstream="not_there",
            handler=_list, resource=CONTACT_METHOD, answer="all", doc="List the contact methods of a person.",
            deed="listed somebody's contact methods",
        ),
        Operation(
            name="contact_methods.create", routes=(Route("POST", _ALL),), area=AREA, level="write",
            upstream="not_there",
            people_only=True, input=CreateMethod,
            handler=_create, resource=CONTACT_METHOD, secrets=("address",), switch="notify",
            doc="Add a contact method to a person and send a code there.", deed="added a contact method",
        ),
        Operation(
            name="contact_methods.get", routes=(Route("GET", _ONE),), area=AREA, level="read", input=OneOfPerson,
            upstream="not_there",
            handler=_get, resource=CONTACT_METHOD, doc="Show a contact method of a person.",
            deed="looked at a contact method",
        ),
        Operation(
            name="contact_methods.update", routes=(Route("PATCH", _ONE),), area=AREA, level="write", people_only=True,
            upstream="not_there",
            input=UpdateMethod, handler=_update, resource=CONTACT_METHOD, doc="Rename a contact method of a person.",
            deed="renamed a contact method",
        ),
        Operation(
            name="contact_methods.delete", routes=(Route("DELETE", _ONE),), area=AREA, level="full", people_only=True,
            upstream="not_there",
            input=OneOfPerson, handler=_delete, resource=CONTACT_METHOD, answer="none", switch="delete",
            doc="Delete a contact method of a person.", deed="deleted a contact method",
        ),
        Operation(
            name="contact_methods.send_code", routes=(Route("POST", f"{_ONE}/code"),), area=AREA, level="write",
            upstream="not_there",
            people_only=True,
            input=OneOfPerson, handler=_send_code, resource=CONTACT_METHOD, switch="notify",
            doc="Send another code to a contact method.", deed="had a code sent to a contact method",
        ),
        Operation(
            name="contact_methods.verify", routes=(Route("POST", f"{_ONE}/verify"),), area=AREA, level="write",
            upstream="not_there",
            people_only=True,
            input=VerifyMethod, handler=_verify, resource=CONTACT_METHOD, secrets=("code",),
            doc="Verify a contact method with the code that was sent there.", deed="verified a contact method",
            event="contact_method.verified",
        ),
        Operation(
            name="contact_methods.push_link", routes=(Route("POST", f"{PERSON}/push-links"),), area=AREA,
            upstream="not_there",
            level="write", people_only=True, input=OfPerson, handler=_push_link, answer="flat", flat=PushLinkAnswer,
            doc="Make a link that lets a browser or phone receive a person's push notifications, for an hour.",
            deed="made a push link for somebody",
        ),
        Operation(
            name="contact_methods.subscribe", routes=(Route("POST", f"{PERSON}/push-subscriptions"),), area=AREA,
            upstream="not_there",
            level="write",
            people_only=True, input=Subscribe, handler=_subscribe, resource=CONTACT_METHOD, statuses=(201,),
            secrets=("subscription",), doc="Let a browser that has subscribed show a person's pages.",
            deed="let a browser show somebody's pages", event="contact_method.verified",
        ),
    )  # fmt: skip
