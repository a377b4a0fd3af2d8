"""Escalation policies: the list, and the builder that shows whom a policy would page while it is written."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from starlette.responses import Response

from tocsin.console.desk import Desk, wrong
from tocsin.console.rooms.oncall.calendar import people_of
from tocsin.console.rooms.oncall.reading import readers_zone, team, title
from tocsin.console.rooms.policies import form as forms
from tocsin.console.rooms.policies.form import Form
from tocsin.console.rooms.policies.timeline import timeline
from tocsin.kernel.errors import Invalid

MANY = 250
Choices = list[tuple[str, list[tuple[str, str]]]]
"""(group, (value, words)): whom a step can call."""
_ALL = (
    ("all_slack_integrations", "Every Slack channel"),
    ("all_microsoft_teams_integrations", "Every Microsoft Teams channel"),
    ("all_webhook_integrations", "Every outgoing webhook"),
    ("all_zapier_integrations", "Every Zapier hook"),
    ("all_splunk_on_call_integrations", "Every Splunk On-Call integration"),
)
_PLACES = {
    "slack": "slack_integration", "microsoft_teams": "microsoft_teams_integration", "zapier": "zapier_webhook",
    "pagerduty": "pagerduty_integration",
}  # fmt: skip
"""Kinds of notification targets that have a type of member of their own."""


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy can name."""

    policies: list[dict[str, Any]]
    urgencies: list[dict[str, Any]]
    groups: list[dict[str, Any]]
    members: Choices
    monitors: list[tuple[str, str]]
    """What can be imagined to fail under it."""


async def every(desk: Desk) -> Response:
    """All policies, by group, each with what it does and what is paged by it."""
    found, grouped, answer = await asyncio.gather(
        desk.many("policies.list", page=desk.number, per_page=50),
        desk.many("policy_groups.list", per_page=MANY),
        desk.flat("policies.uses"),
    )
    groups = grouped.items
    uses = {each["policy_id"]: each for each in answer["policies"]}
    names = {str(policy["id"]): policy["name"] for policy in found.items}
    shelves = [
        (group["name"], [p for p in found.items if str(p["policy_group_id"]) == group["id"]]) for group in groups
    ]
    loose = [policy for policy in found.items if policy["policy_group_id"] is None]
    shown = [(name, policies) for name, policies in [*shelves, ("", loose)] if policies]
    return desk.page("policies/policies.html", found=found, shelves=shown, uses=uses, names=names)


async def new(desk: Desk) -> Response:
    """The builder with a first step: whoever is on call, at once."""
    return await _build(desk, None, Form(steps=[forms.fresh("escalation", first=True)]))


async def create(desk: Desk) -> Response:
    """Save it, or draw the builder again for one of its buttons."""
    return await _sent(desk, None)


async def edit(desk: Desk) -> Response:
    """The builder with a policy in it."""
    policy = await desk.one("policies.get", id=desk.id)
    return await _build(desk, policy, forms.from_policy(policy))


async def change(desk: Desk) -> Response:
    """Save it, or draw the builder again for one of its buttons."""
    return await _sent(desk, await desk.one("policies.get", id=desk.id))


async def delete(desk: Desk) -> Response:
    """Take it away; the trash keeps it for 30 days."""
    await desk.call("policies.delete", id=desk.id)
    return desk.go("/policies", "Policy deleted. The trash keeps it for 30 days.")


async def _sent(desk: Desk, policy: dict[str, Any] | None) -> Response:
    form = forms.from_fields(desk.fields)
    do = desk.field("do", "save")
    if do != "save":
        return await _build(desk, policy, forms.after(form, do))
    try:
        if policy is None:
            saved = await desk.one("policies.create", **forms.body(form))
        else:
            saved = await desk.one("policies.update", id=desk.id, **forms.body(form))
    except Invalid as error:
        return await _build(desk, policy, form, wrong(error), status=422)
    after = (
        "Choose it at the monitors that shall page by it: until then nothing does."
        if policy is None
        else "Incidents that are open keep the one they began with."
    )
    return desk.go(f"/policies/{saved['id']}", f"Policy saved. {after}")


async def _build(
    desk: Desk, policy: dict[str, Any] | None, form: Form, errors: dict[str, list[str]] | None = None, status: int = 200
) -> Response:  # fmt: skip
    """The builder: the form on the left, on the right whom it would page."""
    around = await _around(desk, policy)
    others, at_steps = forms.by_step(errors or {})
    fails, away = desk.field("fails"), [email for email in desk.fields.get("away", []) if email]
    answer, refused = None, dict[int, list[str]]()
    unclear = ""
    try:
        answer = await desk.flat("policies.preview", **_asked(policy, form, fails, away))
    except Invalid as error:
        of_form, refused = forms.by_step(wrong(error))
        unclear = "; ".join(text for texts in of_form.values() for text in texts)
    uses = None
    if policy is not None:
        uses = (await desk.flat("policies.uses", policy_id=desk.id))["policies"][0]
    return desk.page(
        "policies/builder.html", status_code=status, policy=policy, form=form, errors=others, at_steps=at_steps,
        around=around, refused=refused, unclear=unclear, uses=uses, fails=fails, away=away, forms=forms,
        timeline=None if answer is None else timeline(answer), answer=answer, zone=readers_zone(desk) or "UTC",
        may_save=desk.may("policies.create" if policy is None else "policies.update"), used=used(uses),
    )  # fmt: skip


def _asked(policy: dict[str, Any] | None, form: Form, fails: str, away: list[str]) -> dict[str, Any]:
    asked = forms.body(form)
    asked.pop("policy_group_id")
    if policy is not None:
        asked["id"] = int(policy["id"])
    kind, _, number = fails.partition("-")
    if kind in ("monitor", "heartbeat") and number.isdigit():
        asked[f"{kind}_id"] = int(number)
    if away:
        asked["away"] = ",".join(away)
    return asked


def used(uses: dict[str, Any] | None) -> str:
    """What would notice if a policy were gone, e.g. `3 monitors and 1 policy`; empty for nothing."""
    if not uses or not uses["total"]:
        return ""
    plural = {"policy": "policies"}
    parts = [f"{n:,} {kind if n == 1 else plural.get(kind, kind + 's')}" for kind, n in uses["counts"].items()]
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1]


async def _around(desk: Desk, policy: dict[str, Any] | None) -> Around:
    policies = list((await desk.many("policies.list", per_page=MANY)).items)
    others = [each for each in policies if policy is None or each["id"] != policy["id"]]
    monitors = []
    if desk.may("monitors.list"):
        items = (await desk.many("monitors.list", per_page=50)).items
        monitors = [(f"monitor-{each['id']}", each["pronounceable_name"]) for each in items]
    return Around(
        policies=others,
        urgencies=list((await desk.many("urgencies.list", per_page=MANY)).items),
        groups=list((await desk.many("policy_groups.list", per_page=MANY)).items),
        members=await _members(desk, others),
        monitors=monitors,
    )


async def _members(desk: Desk, policies: list[dict[str, Any]]) -> Choices:
    """Whom a step can call, by group."""
    calendars = (await desk.many("on_calls.list", per_page=50)).items if desk.may("on_calls.list") else []
    people = await team(desk)
    known = people_of(people, [])
    usual = [("current_on_call", "Whoever is on call (primary schedule)"), ("entire_team", "The entire team")]
    found: Choices = [("Usual", usual)]
    schedules = [(f"current_on_call:{each['id']}", f"On call: {title(each)}") for each in calendars]
    found.append(("Schedules", schedules))
    found.append(("People", [(f"user:{each['id']}", known[each["email"]].name) for each in people]))
    places: list[tuple[str, str]] = []
    if desk.may("notification_targets.list"):
        for each in (await desk.many("notification_targets.list", per_page=MANY)).items:
            kind = _PLACES.get(each["kind"], "notification_target")
            places.append((f"{kind}:{each['id']}", f"{each['name'] or each['kind']} ({each['kind']})"))
    if desk.may("outgoing_webhooks.list"):
        hooks = (await desk.many("outgoing_webhooks.list", per_page=MANY)).items
        places += [(f"webhook:{each['id']}", f"{each['name'] or each['url']} (webhook)") for each in hooks]
    found.append(("Channels", [*places, *_ALL]))
    found.append(("Policies", [(f"policy:{each['id']}", f"Also run {each['name']}") for each in policies]))
    found.append(("The incident", [("incident_metadata", "Whoever its metadata names under …")]))
    return [(name, choices) for name, choices in found if choices]
