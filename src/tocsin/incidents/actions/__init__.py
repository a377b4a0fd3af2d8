"""What can be done about an incident: open it, answer it, end it, talk about it and read its story."""

from tocsin.incidents.actions.answering import (
    acknowledge,
    author_of,
    delete,
    escalate_to_team,
    escalate_to_user,
    escalation_channels,
    reopen,
    report,
    resolve,
)
from tocsin.incidents.actions.comments import comment, comments, edit_comment, remove_comment, write_comment
from tocsin.incidents.actions.facts import changed as metadata_changed
from tocsin.incidents.actions.lifecycle import (
    confirm,
    failing_again,
    open,
    recover,
    validating,
    withdraw,
)
from tocsin.incidents.actions.reading import (
    count_open,
    current,
    downtime,
    find,
    open_alerts,
    open_owners,
    page,
    response,
    show,
    show_all,
    team_of,
)
from tocsin.incidents.actions.retention import prune, unresolved
from tocsin.incidents.actions.timeline import note, timeline

__all__ = [
    "acknowledge",
    "author_of",
    "comment",
    "comments",
    "confirm",
    "count_open",
    "current",
    "delete",
    "downtime",
    "edit_comment",
    "escalate_to_team",
    "escalate_to_user",
    "escalation_channels",
    "failing_again",
    "find",
    "metadata_changed",
    "note",
    "open",
    "open_alerts",
    "open_owners",
    "page",
    "prune",
    "recover",
    "remove_comment",
    "reopen",
    "report",
    "resolve",
    "response",
    "show",
    "show_all",
    "team_of",
    "timeline",
    "unresolved",
    "validating",
    "withdraw",
    "write_comment",
]
