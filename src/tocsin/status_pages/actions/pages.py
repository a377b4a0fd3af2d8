"""Setting up status pages: create, change, publish and delete them, and say where each is found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tocsin.accounts import actions as accounts
from tocsin.kernel import passwords
from tocsin.kernel.errors import Invalid, NotFound
from tocsin.status_pages.actions import images
from tocsin.status_pages.actions.standing import states_of
from tocsin.status_pages.model import Settings, StatusPage
from tocsin.status_pages.model.views import Gate, Site
from tocsin.status_pages.rules.settings import Errors, apply, canonical, checked_domain, checked_subdomain
from tocsin.status_pages.store import groups as group_shelf
from tocsin.status_pages.store import pages as shelf
from tocsin.storage import Tx, events

TYPE = "status_page"
MAX_PAGES_PER_TEAM = 200
"""Far more than a team has customers for; each is rendered anew with whatever happens."""
MAX_SITES = 20_000
"""Pages of all teams together that are found by their address."""
_REQUIRED = ("subdomain", "timezone")
_UNSEEN = frozenset({"password", "password_enabled", "require_sso", "ip_allowlist", "published"})
"""What changes nothing of how a page looks."""


def create(tx: Tx, team_id: int, given: Mapping[str, Any], base_url: str) -> StatusPage:
    """Make a page. `given`: wire names and values (contract part 2, 5.2). Raises Invalid."""
    missing = [name for name in _REQUIRED if not given.get(name)]
    if missing:
        raise Invalid.missing(missing)
    if shelf.count(tx, team_id) >= MAX_PAGES_PER_TEAM:
        raise Invalid.fields(base=f"a team can have at most {MAX_PAGES_PER_TEAM} status pages: delete one first")
    changed = _changed(tx, None, team_id, given, base_url)
    id = shelf.insert_page(tx, team_id=team_id, **changed)
    images.wanted(tx, id, changed["settings"])
    events.record(tx, f"{TYPE}.created", team_id=team_id, resource_type=TYPE, resource_id=id)
    return find(tx, id, None)


def find(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> StatusPage:
    """The page, if the caller may see it. Raises NotFound."""
    return _shown(tx, [reach(tx, id, team_ids)])[0]


def reach(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> StatusPage:
    """The page, if the caller may see it, without the name of its team and how it stands. Raises NotFound."""
    found = shelf.find(tx, id)
    if found is None or (team_ids is not None and found.team_id not in team_ids):
        raise NotFound(TYPE, id)
    return found


def list_pages(
    tx: Tx, team_ids: tuple[int, ...] | None, *, page: int, per_page: int
) -> tuple[list[StatusPage], int]:  # fmt: skip
    """One page of the status pages that the caller may see, by id, and how many there are in all."""
    found, total = shelf.page(tx, team_ids, offset=(page - 1) * per_page, limit=per_page)
    return _shown(tx, found), total


def update(tx: Tx, id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any], base_url: str) -> StatusPage:
    """Change what is in `given` and nothing else. Raises NotFound, Invalid."""
    old = reach(tx, id, team_ids)
    changed = _changed(tx, old, old.team_id, given, base_url)
    shelf.update_page(tx, id, **changed)
    images.wanted(tx, id, changed["settings"])
    events.record(
        tx, f"{TYPE}.updated", team_id=old.team_id, resource_type=TYPE, resource_id=id, changed=sorted(canonical(given))
    )
    return find(tx, id, None)


def tried(tx: Tx, id: int, team_ids: tuple[int, ...] | None, given: Mapping[str, Any], base_url: str) -> StatusPage:
    """The page as it would be after this change; nothing is kept. Raises NotFound, Invalid.

    Who may read it is left as it is: nobody sees it by this.
    """
    old = reach(tx, id, team_ids)
    seen = {name: value for name, value in given.items() if name not in _UNSEEN}
    changed = _changed(tx, old, old.team_id, seen, base_url)
    return msgspec.structs.replace(
        old, subdomain=changed["subdomain"], custom_domain=changed["custom_domain"], settings=changed["settings"]
    )


def delete(tx: Tx, id: int, team_ids: tuple[int, ...] | None) -> None:
    """The page goes, with its sections, resources, reports and subscribers. Raises NotFound."""
    page = reach(tx, id, team_ids)
    shelf.delete_page(tx, id)
    events.record(
        tx, f"{TYPE}.deleted", team_id=page.team_id, resource_type=TYPE, resource_id=id, subdomain=page.subdomain
    )


def directory(tx: Tx) -> list[Site]:
    """Where every page is found and who may read it, unpublished ones too."""
    return [
        Site(
            id=page.id,
            team_id=page.team_id,
            subdomain=page.subdomain,
            custom_domain=page.custom_domain,
            published=page.published,
            gate=Gate(
                password_hash=page.password_hash if page.settings.password_enabled else None,
                require_sso=page.settings.require_sso,
                ip_allowlist=page.settings.ip_allowlist,
            ),
            hide_from_search_engines=page.settings.hide_from_search_engines,
        )
        for page in shelf.all_pages(tx, MAX_SITES)
    ]


def _taken(tx: Tx, subdomain: str, custom_domain: str | None, own_host: str, except_id: int | None) -> set[str]:
    """Which of the two another page has. A page is found at a name below our own host too, so that a domain there is
    another page's name, and the other way round."""
    found = shelf.taken(tx, subdomain, custom_domain, except_id)
    below = f".{own_host}"
    label = custom_domain.removesuffix(below) if custom_domain is not None and custom_domain.endswith(below) else ""
    across = shelf.taken(tx, label, f"{subdomain}{below}", except_id)
    if "subdomain" in across:
        found.add("custom_domain")
    if "custom_domain" in across:
        found.add("subdomain")
    return found


def _changed(
    tx: Tx, old: StatusPage | None, team_id: int, given: Mapping[str, Any], base_url: str
) -> dict[str, Any]:  # fmt: skip
    """The columns after `given`. Raises Invalid with everything that is wrong."""
    errors: Errors = {}
    subdomain = checked_subdomain(given, "" if old is None else old.subdomain, errors)
    own_host = urlsplit(base_url).hostname or ""
    custom_domain = checked_domain(given, None if old is None else old.custom_domain, own_host, errors)
    hash = None if old is None else old.password_hash
    settings, complaints = apply(
        Settings() if old is None else old.settings, given, custom_domain=custom_domain, has_password=hash is not None
    )
    errors |= complaints
    if len(str(given.get("password") or "")) > passwords.MAX_LENGTH:
        errors["password"] = [f"is too long (maximum is {passwords.MAX_LENGTH} characters)"]
    for name in _taken(tx, subdomain, custom_domain, own_host, None if old is None else old.id):
        errors.setdefault(name, []).append("has already been taken")
    group_id = _group(tx, given, None if old is None else old.status_page_group_id, team_id, errors)
    published = given.get("published")
    if errors:
        raise Invalid.of(errors)
    return {
        "subdomain": subdomain,
        "custom_domain": custom_domain,
        "published": (old is None or old.published) if published is None else bool(published),
        "group_id": group_id,
        "settings": settings,
        "password_hash": passwords.hashed(str(given["password"])) if given.get("password") else hash,
    }


def _group(tx: Tx, given: Mapping[str, Any], current: int | None, team_id: int, errors: Errors) -> int | None:
    if "status_page_group_id" not in given:
        return current
    id = given["status_page_group_id"]
    if not id:  # Terraform sends 0 for none
        return None
    group = group_shelf.find(tx, id)
    if group is None or group.team_id != team_id:
        errors["status_page_group_id"] = ["doesn't exist"]
    return int(id)


def _shown(tx: Tx, found: Sequence[StatusPage]) -> list[StatusPage]:
    """With the names of their teams, and how they stand."""
    names = {id: accounts.team(tx, id).name for id in {page.team_id for page in found}}
    states = states_of(tx, found)
    return [
        msgspec.structs.replace(page, team_name=names[page.team_id], aggregate_state=states[page.id]) for page in found
    ]
