"""What can be done with inbound alerts: set up who may send, take in what is sent, and look at what came."""

from tocsin.inbound.actions.alerts import next_recovery, open_incidents_of, recover_due
from tocsin.inbound.actions.confirming import claim_confirmations, next_confirmation, settle_confirmation
from tocsin.inbound.actions.courses import courses
from tocsin.inbound.actions.integrations import create, delete, find, list_integrations, team_of, update
from tocsin.inbound.actions.looking import alerts_of, dry_run, payloads, prune
from tocsin.inbound.actions.receiving import (
    MAX_ALERTS_AT_ONCE,
    Progress,
    Reading,
    Recorded,
    Unread,
    read_mail,
    read_request,
    recipient,
    record,
    record_part,
)

__all__ = [
    "MAX_ALERTS_AT_ONCE",
    "Progress",
    "Reading",
    "Recorded",
    "Unread",
    "alerts_of",
    "claim_confirmations",
    "courses",
    "create",
    "delete",
    "dry_run",
    "find",
    "list_integrations",
    "next_confirmation",
    "next_recovery",
    "open_incidents_of",
    "payloads",
    "prune",
    "read_mail",
    "read_request",
    "recipient",
    "record",
    "record_part",
    "recover_due",
    "settle_confirmation",
    "team_of",
    "update",
]
