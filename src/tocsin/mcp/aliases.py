"""The names that tools went by before: clients and prompts written for them still reach the right one."""

from __future__ import annotations

import re

_OLDER = re.compile(r"(?:uptime|telemetry|better_stack)_(\w+?)_tool")
_DEEDS = ("list_", "get_")
_OTHERWISE = {
    "list_on_call_schedules": "on_calls",
    "get_on_call_schedule": "on_call",
    "list_on_call_calendars": "on_calls",
    "get_on_call_calendar": "on_call",
    "list_policies": "escalation_policies",
    "get_policy": "escalation_policy",
    "list_urgencies": "severities",
    "get_urgency": "severity",
    "get_monitor_sla": "monitor_availability",
    "get_incident_escalation_options": "available_incident_escalation_policies",
    "list_status_reports": "status_page_reports",
    "get_status_report": "status_page_report",
    "create_status_report": "create_status_page_report",
    "create_comment": "create_incident_comment",
}
"""Where the rule alone would lead astray."""


def current(name: str) -> str:
    """What the tool is called today: `uptime_list_monitors_tool` is `monitors`; today's names are left as they are."""
    older = _OLDER.fullmatch(name)
    if older is None:
        return name
    plain = older[1]
    if plain in _OTHERWISE:
        return _OTHERWISE[plain]
    for deed in _DEEDS:
        if plain.startswith(deed):
            return plain.removeprefix(deed)
    return plain
