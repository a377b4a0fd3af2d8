"""What can be done with calendars: plan who is on call, ask who is, hand over and swap."""

from tocsin.accounts.actions import when_founded
from tocsin.oncall.actions.calendars import (
    create,
    delete,
    ensure_defaults,
    list_calendars,
    moved,
    resolve,
    show,
    update,
    users,
)
from tocsin.oncall.actions.covering import accept as accept_cover
from tocsin.oncall.actions.covering import cancel as cancel_cover
from tocsin.oncall.actions.covering import decline as decline_cover
from tocsin.oncall.actions.covering import expire_due, next_expiry, person
from tocsin.oncall.actions.covering import find as find_cover
from tocsin.oncall.actions.covering import list_requests as list_covers
from tocsin.oncall.actions.covering import request as request_cover
from tocsin.oncall.actions.feeds import create as create_feed
from tocsin.oncall.actions.feeds import find as find_feed
from tocsin.oncall.actions.feeds import list_feeds
from tocsin.oncall.actions.feeds import render as render_feed
from tocsin.oncall.actions.feeds import revoke as revoke_feed
from tocsin.oncall.actions.handing_over import due as due_looks
from tocsin.oncall.actions.handing_over import hand_over, next_look, teams_without_default
from tocsin.oncall.actions.handing_over import postpone as postpone_look
from tocsin.oncall.actions.importing import claim as claim_polls
from tocsin.oncall.actions.importing import create as create_import
from tocsin.oncall.actions.importing import delete as delete_import
from tocsin.oncall.actions.importing import find as find_import
from tocsin.oncall.actions.importing import list_imports, next_poll
from tocsin.oncall.actions.importing import settle as settle_poll
from tocsin.oncall.actions.importing import update as update_import
from tocsin.oncall.actions.layers import create as create_layer
from tocsin.oncall.actions.layers import delete as delete_layer
from tocsin.oncall.actions.layers import find as find_layer
from tocsin.oncall.actions.layers import list_layers
from tocsin.oncall.actions.layers import preview as preview_layers
from tocsin.oncall.actions.layers import update as update_layer
from tocsin.oncall.actions.looking import ensure_default, find, on_call, schedule, shifts, team_of, zones
from tocsin.oncall.actions.planning import (
    create_event,
    delete_event,
    find_event,
    find_rotation,
    list_events,
    replace_events,
    set_rotation,
    update_event,
)
from tocsin.oncall.actions.warning import warnings

when_founded(ensure_default)

__all__ = [
    "accept_cover",
    "cancel_cover",
    "claim_polls",
    "create",
    "create_event",
    "create_feed",
    "create_import",
    "create_layer",
    "decline_cover",
    "delete",
    "delete_event",
    "delete_import",
    "delete_layer",
    "due_looks",
    "ensure_default",
    "ensure_defaults",
    "expire_due",
    "find",
    "find_cover",
    "find_event",
    "find_feed",
    "find_import",
    "find_layer",
    "find_rotation",
    "hand_over",
    "list_calendars",
    "list_covers",
    "list_events",
    "list_feeds",
    "list_imports",
    "list_layers",
    "moved",
    "next_expiry",
    "next_look",
    "next_poll",
    "on_call",
    "person",
    "postpone_look",
    "preview_layers",
    "render_feed",
    "replace_events",
    "request_cover",
    "resolve",
    "revoke_feed",
    "schedule",
    "set_rotation",
    "settle_poll",
    "shifts",
    "show",
    "team_of",
    "teams_without_default",
    "update",
    "update_event",
    "update_import",
    "update_layer",
    "users",
    "warnings",
    "zones",
]
