"""Members of a team who read its private status page: known by a link that is mailed to their address."""

from __future__ import annotations

from collections.abc import Callable

from tocsin.accounts import actions as accounts
from tocsin.notify import actions as notify
from tocsin.notify.model import Kind, Notice
from tocsin.storage import Database, Tx

MAX_EMAIL_CHARACTERS = 320
"""RFC 3696, erratum 1690."""


async def is_member(database: Database, team_id: int, user_id: int) -> bool:
    """Whether somebody is in a team at this moment."""
    return await database.read(accounts.is_member, team_id, user_id)


async def mail_link(
    database: Database, team_id: int, email: str, page_name: str, link_of: Callable[[int], tuple[str, str]]
) -> None:
    """Mail a sign-in link to a member of the team; nothing happens for anybody else.

    `link_of(user id)`: (address up to the secret, the secret).
    """
    if len(email) <= MAX_EMAIL_CHARACTERS:
        await database.write(_mail, team_id, email, page_name, link_of)


def _mail(tx: Tx, team_id: int, email: str, page_name: str, link_of: Callable[[int], tuple[str, str]]) -> None:
    user = accounts.user_by_email(tx, email)
    if user is None or not accounts.is_member(tx, team_id, user.id):
        return
    address, secret = link_of(user.id)
    notice = Notice(
        kind=Kind.NOTICE,
        incident_id=0,
        team_id=team_id,
        subject=f"[Tocsin] Read the status page of {page_name}",
        headline=f"Read the status page of {page_name}",
        cause="Somebody, you we hope, asked to read this page, which is for members of the team. The link is yours "
        "alone and good for a quarter of an hour. If it was not you, you need do nothing.",
        url=f"{address}{{secret}}",
        link_text="Open the page",
        secret=tx.vault.seal(secret),
        thread_key=f"page-link-{user.id}-{int(tx.now.timestamp())}",
    )
    notify.queue(tx, notice, user_id=user.id, channel="email", address=user.email, planned_at=tx.now)
