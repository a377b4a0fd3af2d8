"""What a team has decided beforehand: who is called in which order, and how loudly for which kind of trouble."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from tocsin.metadata.model import Value


class StepType(StrEnum):
    """What a step of a policy does (contract part 2, section 2)."""

    ESCALATION = "escalation"
    """Pages its members."""
    TIME_BRANCHING = "time_branching"
    """Within these days and hours another policy runs instead, or none."""
    METADATA_BRANCHING = "metadata_branching"
    """When the incident says so, another policy runs instead, or none."""
    INSTRUCTIONS = "instructions"
    """Writes what is to be done into the incident, and reminds people of it."""


class MemberType(StrEnum):
    """Whom, or what, a step calls (contract part 2, section 2, `step_members`)."""

    CURRENT_ON_CALL = "current_on_call"
    ENTIRE_TEAM = "entire_team"
    ALL_SLACK = "all_slack_integrations"
    ALL_MICROSOFT_TEAMS = "all_microsoft_teams_integrations"
    ALL_ZAPIER = "all_zapier_integrations"
    ALL_WEBHOOKS = "all_webhook_integrations"
    ALL_SPLUNK_ON_CALL = "all_splunk_on_call_integrations"
    INCIDENT_METADATA = "incident_metadata"
    USER = "user"
    WEBHOOK = "webhook"
    SLACK = "slack_integration"
    MICROSOFT_TEAMS = "microsoft_teams_integration"
    ZAPIER = "zapier_webhook"
    PAGERDUTY = "pagerduty_integration"
    POLICY = "policy"
    NOTIFICATION_TARGET = "notification_target"
    """Ours: any other channel of the team (Discord, Telegram, ntfy …) by the id of its notification target."""


class StepMember(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One of those whom a step calls."""

    type: MemberType
    id: int | None = None
    """Of the calendar, team, person, integration or policy; None = the default one, or all there are."""
    email: str | None = None
    """Of a person; filled in when it is shown, so that a changed address is never an old one here."""
    metadata_key: str | None = None


class PolicyStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step: what happens so long after the step before it. What its type does not know is left at its default."""

    type: StepType
    wait_before: int | None = None
    """Seconds since the step before; None when `wait_until_time` says when."""
    wait_until_time: str | None = None
    """`HH:MM`: the step waits until the clock in `wait_until_timezone` shows it next."""
    wait_until_timezone: str | None = None
    """A Rails or IANA name; None with `wait_until_time` is UTC."""
    urgency_id: int | None = None
    step_members: tuple[StepMember, ...] = ()
    timezone: str | None = None
    days: tuple[str, ...] = ()
    time_from: str | None = None
    time_to: str | None = None
    """Equal to `time_from` = all day; before it = over midnight."""
    metadata_key: str | None = None
    metadata_values: tuple[Value, ...] = ()
    """Any of them; one of type `no_value` stands for a key that is absent or blank."""
    policy_id: int | None = None
    policy_metadata_key: str | None = None
    """The key that names the policy to run; neither this nor `policy_id` = nothing more happens."""
    instructions_comment: str | None = None
    instructions_reminder_enabled: bool = False
    instructions_reminder_interval_hours: int = 24


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """An escalation policy. Without steps it is silent: it only collects."""

    id: int
    team_id: int
    name: str
    repeat_count: int
    repeat_delay: int
    """Seconds before each repetition."""
    fallback_policy_id: int | None
    policy_group_id: int | None
    steps: tuple[PolicyStep, ...]
    created_at: datetime
    updated_at: datetime
    team_name: str = ""
    incident_token: str = ""
    """The secret of the form by which anybody may report an incident under this policy; read only to be shown."""


class Urgency(msgspec.Struct, frozen=True, kw_only=True):
    """A severity: by which channels people hear of it (contract part 2, section 3). The wire calls it urgency."""

    id: int
    team_id: int
    name: str
    sms: bool
    call: bool
    email: bool
    push: bool
    critical_alert: bool
    urgency_group_id: int | None
    created_at: datetime
    updated_at: datetime
    team_name: str = ""


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A named, ordered shelf for policies or for severities."""

    id: int
    team_id: int
    name: str
    sort_index: int | None
    created_at: datetime
    updated_at: datetime
    team_name: str = ""
