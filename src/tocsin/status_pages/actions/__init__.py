"""What can be done with status pages: the public face of this package for every other room."""

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
from tocsin.status_pages.actions.pages import TYPE, directory, list_pages
from tocsin.status_pages.actions.pages import create as create_page
from tocsin.status_pages.actions.pages import delete as delete_page
from tocsin.status_pages.actions.pages import find as find_page
from tocsin.status_pages.actions.pages import reach as reach_page
from tocsin.status_pages.actions.pages import update as update_page
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
    "RESOURCE",
    "SECTION",
    "TYPE",
    "Image",
    "claim_images",
    "create_group",
    "create_page",
    "create_resource",
    "create_section",
    "delete_group",
    "delete_page",
    "delete_resource",
    "delete_section",
    "directory",
    "find_group",
    "find_page",
    "find_resource",
    "find_section",
    "image",
    "images_here",
    "keep_image",
    "list_groups",
    "list_pages",
    "list_resources",
    "list_sections",
    "miss_image",
    "month",
    "next_image_at",
    "open_confirmation",
    "open_subscription",
    "prune_subscribers",
    "reach_page",
    "report_view",
    "shortcomings",
    "states_of",
    "subscription_token",
    "update_group",
    "update_page",
    "update_resource",
    "update_section",
    "view",
    "with_standing",
]
