"""Visitors subscribe, confirm and leave through forms and links; nobody else's form does it for them."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from tests.pages.reading import ACME, Public, token_in
from tocsin.gateway.audit import audit_entries
from tocsin.status_pages.actions import subscribing
from tocsin.status_pages.store.tables import subscribers

SAME_ORIGIN = {"origin": "https://tocsin.example"}
pytestmark = pytest.mark.slow


async def subscribe(public: Public, headers: dict[str, str] | None = None, **fields: Any) -> Any:
    shown = await public.ask(f"{ACME}/subscribe")
    data = {"csrf": token_in(shown.text), "kind": "email", "email": "ann@example.com", **fields}
    return await public.ask(f"{ACME}/subscribe", "POST", data=data, headers=headers or SAME_ORIGIN)


async def rows(public: Public) -> list[Any]:
    return await public.database.read(lambda tx: list(tx.execute(select(subscribers))))


async def links(public: Public) -> tuple[str, str]:
    """The addresses in the mails to the only subscriber: to confirm, and to leave."""
    (row,) = await rows(public)

    def made(tx: Any) -> tuple[str, str]:
        return subscribing.confirmation_token(tx, row.id, row.asked_at), subscribing.subscription_token(tx, row.id)

    confirm, leave = await public.database.read(made)
    return f"{ACME}/subscribe/confirm/{confirm}", f"{ACME}/unsubscribe/{leave}"


async def test_from_the_form_to_the_confirmation_to_leaving(public: Public) -> None:
    page = await public.open(subscribable=True)
    resource = await public.resource(page)
    await public.resource(page, public_name="API")
    asked = await subscribe(public, resources=str(resource))
    assert (asked.status_code, "ann@example.com" in asked.text) == (200, True)
    (row,) = await rows(public)
    assert (row.confirmed_at, row.status_page_resource_ids) == (None, [resource])
    confirm, leave = await links(public)
    for _ in range(2):  # looking changes nothing: scanners open every link
        shown = await public.ask(confirm)
        assert (shown.status_code, 'method="post"' in shown.text) == (200, True)
    assert (await rows(public))[0].confirmed_at is None
    assert (await public.ask(confirm, "POST")).status_code == 200
    assert (await rows(public))[0].confirmed_at is not None
    assert 'method="post"' in (await public.ask(leave)).text
    mail_program = {"content-type": "application/x-www-form-urlencoded"}
    body = b"List-Unsubscribe=One-Click"  # RFC 8058: no cookies, no page, no token
    assert (await public.ask(leave, "POST", content=body, headers=mail_program)).status_code == 200
    assert (await rows(public))[0].unsubscribed_at is not None
    assert 'method="post"' not in (await public.ask(leave)).text
    sentences = await public.database.read(lambda tx: list(tx.execute(select(audit_entries.c.operation)).scalars()))
    assert sentences == [f"status_page_visitors.{deed}" for deed in ("subscribe", "confirm", "unsubscribe")]


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"origin": "http://["}, {"sec-fetch-site": "cross-site"},
     {"sec-fetch-site": "same-site", "origin": "https://tocsin.example"}],
)  # fmt: skip
async def test_a_form_of_another_site_subscribes_nobody(public: Public, headers: dict[str, str]) -> None:
    await public.open(subscribable=True)
    refused = await subscribe(public, headers)
    assert refused.status_code == 403
    assert "ann@example.com" in refused.text, "whoever filled it in need not do so again"
    assert await rows(public) == []


async def test_a_token_that_is_old_or_another_pages_is_refused(public: Public) -> None:
    await public.open(subscribable=True)
    await public.page(subdomain="other", subscribable=True)
    await public.ring()
    other = token_in((await public.ask("/status/other/subscribe")).text)
    assert (await subscribe(public, csrf=other)).status_code == 403
    assert (await subscribe(public, csrf="")).status_code == 403
    mine = token_in((await public.ask(f"{ACME}/subscribe")).text)
    public.clock.wind(days=1)
    assert (await subscribe(public, csrf=mine)).status_code == 403
    assert await rows(public) == []


async def test_what_is_wrong_is_said_beside_the_field_and_to_scripts_as_json(public: Public) -> None:
    await public.open(subscribable=True)
    wrong = await subscribe(public, email='"><script>alert(1)</script>')
    assert wrong.status_code == 422
    assert "<script>alert" not in wrong.text
    assert 'aria-invalid="true"' in wrong.text
    said = await subscribe(public, {**SAME_ORIGIN, "accept": "application/json"}, kind="push", address="{}")
    assert (said.status_code, "address" in said.json()["errors"]) == (422, True)
    large = await subscribe(public, address="https://x.example/" + "x" * 40_000)
    assert large.status_code == 413
    assert await rows(public) == []


async def test_no_subscribing_where_it_is_off_and_not_too_often(public: Public) -> None:
    page = await public.open(subscribable=False)
    refused = await public.ask(f"{ACME}/subscribe", "POST", data={"email": "a@example.com"}, headers=SAME_ORIGIN)
    assert refused.status_code == 404
    await public.change(page, subscribable=True)
    statuses = [(await subscribe(public, email=f"a{number}@example.com")).status_code for number in range(22)]
    assert statuses == [200] * 20 + [429] * 2


async def test_links_of_a_private_page_work_and_show_nothing_of_it(public: Public) -> None:
    page = await public.open(subscribable=True)
    await public.resource(page, public_name="Secret thing")
    await subscribe(public)
    confirm, leave = await links(public)
    await public.change(page, ip_allowlist=["203.0.113.1"])
    assert (await public.ask(ACME)).status_code == 403
    assert (await public.ask(confirm, "POST")).status_code == 200
    shown = await public.ask(leave)
    assert (shown.status_code, "Secret thing" in shown.text) == (200, False)
    assert (await public.ask(leave, "POST", content=b"List-Unsubscribe=One-Click")).status_code == 200
    assert (await public.ask(f"{ACME}/unsubscribe/nonsense")).status_code == 404


async def test_no_script_but_ours_runs_where_the_address_is_a_secret(public: Public) -> None:
    page = await public.open(subscribable=True, google_analytics_id="G-ABC123", custom_javascript="own()",
                             custom_domain="status.acme.com")  # fmt: skip
    for name in ("Shop", "API"):
        await public.resource(page, public_name=name)
    assert "googletagmanager" in (await public.ask(ACME)).text
    await subscribe(public)
    for link in await links(public):
        for method in ("GET", "POST"):
            shown = await public.ask(link, method)
            assert shown.status_code == 200
            assert "googletagmanager" not in shown.text
            assert "custom.js" not in shown.text


async def test_a_subscriber_chooses_other_resources_behind_the_same_link(public: Public) -> None:
    page = await public.open(subscribable=True)
    shop = await public.resource(page, public_name="Shop")
    api = await public.resource(page, public_name="API")
    await subscribe(public, resources=str(shop))
    confirm, leave = await links(public)
    await public.ask(confirm, "POST")
    shown = await public.ask(leave)
    assert f'value="{shop}" checked' in shown.text
    assert f'value="{api}" checked' not in shown.text
    saved = await public.ask(leave, "POST", data={"deed": "choose", "resources": [str(api)]})
    assert (saved.status_code, "Your choice is saved." in saved.text) == (200, True)
    assert f'value="{api}" checked' in saved.text
    assert (await rows(public))[0].status_page_resource_ids == [api]
    wrong = await public.ask(leave, "POST", data={"deed": "choose", "resources": ["999"]})
    assert (wrong.status_code, "is saved" in wrong.text) == (422, False)
    assert 'role="alert"' in wrong.text, "a resource that is gone: the reader learns that nothing was kept"
    await public.ask(leave, "POST", data={"deed": "choose"})
    assert (await rows(public))[0].status_page_resource_ids == [], "none = all"
    assert (await rows(public))[0].unsubscribed_at is None
    await public.ask(leave, "POST", content=b"List-Unsubscribe=One-Click")
    assert (await rows(public))[0].unsubscribed_at is not None
    late = await public.ask(leave, "POST", data={"deed": "choose", "resources": [str(api)]})
    assert "unsubscribed" in late.text


async def test_a_link_of_another_page_is_not_known_here(public: Public) -> None:
    await public.open(subscribable=True)
    await public.page(subdomain="other", subscribable=True)
    await public.ring()
    await subscribe(public)
    _, leave = await links(public)
    assert (await public.ask(leave.replace("/acme/", "/other/"), "POST")).status_code == 404


async def test_a_choice_that_does_not_come_whole_is_not_taken_for_leaving(public: Public) -> None:
    page = await public.open(subscribable=True)
    shop = await public.resource(page, public_name="Shop")
    await public.resource(page, public_name="API")
    await subscribe(public, resources=str(shop))
    confirm, leave = await links(public)
    await public.ask(confirm, "POST")
    many = await public.ask(leave, "POST", data={"deed": "choose", "resources": [str(shop)] * 1_100})
    assert many.status_code == 413
    assert await cut_off(public, leave) == 400
    assert (await rows(public))[0].unsubscribed_at is None


async def cut_off(public: Public, path: str) -> int:
    """The status after a form of which only the beginning comes before the connection breaks."""
    statuses: list[int] = []
    messages = iter([{"type": "http.request", "body": b"de", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(messages)

    async def send(message: Any) -> None:
        statuses.append(message.get("status", 0))

    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
             "headers": [(b"host", b"tocsin.example")], "client": ("192.0.2.1", 5000)}  # fmt: skip
    assert public.pages.takes(scope)
    await public.pages(scope, receive, send)
    return statuses[0]
