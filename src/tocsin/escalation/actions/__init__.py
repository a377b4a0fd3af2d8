"""What can be done about paging: begin it, carry it on, hurry it, stop it, and say what is still to come."""

from tocsin.escalation.actions.audience import find as find_audience
from tocsin.escalation.actions.errands import TOPIC as ERRANDS_TOPIC
from tocsin.escalation.actions.errands import claim as claim_errand
from tocsin.escalation.actions.errands import due as errands_due
from tocsin.escalation.actions.errands import earliest as earliest_errand
from tocsin.escalation.actions.errands import find as find_errand
from tocsin.escalation.actions.errands import written as errand_written
from tocsin.escalation.actions.foreseeing import coming, coming_again, pages, reaches, unreached
from tocsin.escalation.actions.paging import (
    BATCH,
    NOBODY_SECONDS,
    RETRY_SECONDS,
    TOPIC,
    WEBHOOKS_EVENT,
    alert_next,
    begin_again,
    bring_forward,
    earliest,
    escalate_to,
    forget,
    hurry,
    notes,
    overdue,
    page_due,
    people_of,
    postpone,
    renew,
    restart,
    resume,
    standing,
    start,
    stop,
)
from tocsin.escalation.actions.stamping import facts_of, plan

__all__ = [
    "BATCH",
    "ERRANDS_TOPIC",
    "NOBODY_SECONDS",
    "RETRY_SECONDS",
    "TOPIC",
    "WEBHOOKS_EVENT",
    "alert_next",
    "begin_again",
    "bring_forward",
    "claim_errand",
    "coming",
    "coming_again",
    "earliest",
    "earliest_errand",
    "errand_written",
    "errands_due",
    "escalate_to",
    "facts_of",
    "find_audience",
    "find_errand",
    "forget",
    "hurry",
    "notes",
    "overdue",
    "page_due",
    "pages",
    "people_of",
    "plan",
    "postpone",
    "reaches",
    "renew",
    "restart",
    "resume",
    "standing",
    "start",
    "stop",
    "unreached",
]
