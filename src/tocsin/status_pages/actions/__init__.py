"""What can be done with status pages: the public face of this package for every other room."""

from tocsin.status_pages.actions.automatic import bring_up_to_date as bring_report_up_to_date
from tocsin.status_pages.actions.automatic import due_pages as due_automatic_pages
from tocsin.status_pages.actions.automatic import has_news as report_has_news
from tocsin.status_pages.actions.automatic import note as note_incidents
from tocsin.status_pages.actions.automatic import outstanding as outstanding_reports
from tocsin.status_pages.actions.automatic import put_off as put_off_incidents
from tocsin.status_pages.actions.automatic import report_due as report_due_incidents
from tocsin.status_pages.actions.contents import (
    RESOURCE,
    SECTION,
    create_resource,
    create_section,
    delete_resource,
    delete_section,
    find_resource,
    find_section,
    list_resources,
    list_sections,
    update_resource,
    update_section,
)
from tocsin.status_pages.actions.groups import (
    GROUP_TYPE,
    create_group,
    delete_group,
    find_group,
    list_groups,
    update_group,
)
from tocsin.status_pages.actions.images import (
    Image,
    claim_images,
    image,
    images_here,
    keep_image,
    miss_image,
    next_image_at,
)
from tocsin.status_pages.actions.notices import prune_notices, receive_mail, takes_mail
from tocsin.status_pages.actions.notices import states as notice_states
from tocsin.status_pages.actions.pages import TYPE, directory, list_pages
from tocsin.status_pages.actions.pages import create as create_page
from tocsin.status_pages.actions.pages import delete as delete_page
from tocsin.status_pages.actions.pages import find as find_page
from tocsin.status_pages.actions.pages import reach as reach_page
from tocsin.status_pages.actions.pages import update as update_page
from tocsin.status_pages.actions.previewing import Preview, preview
from tocsin.status_pages.actions.reports import (
    REPORT,
    UPDATE,
    change_update,
    create_report,
    create_update,
    delete_report,
    delete_update,
    due_updates,
    find_report,
    find_update,
    list_reports,
    list_updates,
    next_publishing_at,
    publish_due,
    put_off_update,
    returned,
    update_report,
)
from tocsin.status_pages.actions.standing import states_of, with_standing
from tocsin.status_pages.actions.subscribing import (
    open_confirmation,
    open_subscription,
    prune_subscribers,
    subscription_token,
)
from tocsin.status_pages.actions.viewing import month, report_view, view
from tocsin.status_pages.actions.warnings import shortcomings
from tocsin.status_pages.store.tables import NOTICES_TOPIC, PUBLISHING_TOPIC

__all__ = [
    "GROUP_TYPE",
    "NOTICES_TOPIC",
    "PUBLISHING_TOPIC",
    "REPORT",
    "RESOURCE",
    "SECTION",
    "TYPE",
    "UPDATE",
    "Image",
    "Preview",
    "bring_report_up_to_date",
    "change_update",
    "claim_images",
    "create_group",
    "create_page",
    "create_report",
    "create_resource",
    "create_section",
    "create_update",
    "delete_group",
    "delete_page",
    "delete_report",
    "delete_resource",
    "delete_section",
    "delete_update",
    "directory",
    "due_automatic_pages",
    "due_updates",
    "find_group",
    "find_page",
    "find_report",
    "find_resource",
    "find_section",
    "find_update",
    "image",
    "images_here",
    "keep_image",
    "list_groups",
    "list_pages",
    "list_reports",
    "list_resources",
    "list_sections",
    "list_updates",
    "miss_image",
    "month",
    "next_image_at",
    "next_publishing_at",
    "note_incidents",
    "notice_states",
    "open_confirmation",
    "open_subscription",
    "outstanding_reports",
    "preview",
    "prune_notices",
    "prune_subscribers",
    "publish_due",
    "put_off_incidents",
    "put_off_update",
    "reach_page",
    "receive_mail",
    "report_due_incidents",
    "report_has_news",
    "report_view",
    "returned",
    "shortcomings",
    "states_of",
    "subscription_token",
    "takes_mail",
    "update_group",
    "update_page",
    "update_report",
    "update_resource",
    "update_section",
    "view",
    "with_standing",
]
