"""The reference says of every operation what is declared, finds it by every filter, and costs little to give."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from html import escape

import httpx
import pytest
from lxml import html
from msgspec.structs import replace

from tests.rest.kites import Sky
from tocsin.gateway.rules import need
from tocsin.registry import Catalogue
from tocsin.rest.reference import Book, Reference, markdown, read
from tocsin.rest.reference.choice import Choice, chosen, options
from tocsin.rest.reference.page import CONTENT_SECURITY_POLICY, Sheet
from tocsin.runtime.settings import load
from tocsin.runtime.wiring import operations

MAX_TRANSFERRED_BYTES = 100_000


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue(operations(load({}, {})))


@pytest.fixture(scope="module")
def book(catalogue: Catalogue) -> Book:
    return read(catalogue)


@pytest.fixture
def client(catalogue: Catalogue) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=Reference(catalogue, "https://tocsin.example"))  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="https://tocsin.example")


def shown(page: str) -> list[str]:
    """The names of the operations that a reader sees."""
    return [each.get("id") for each in html.fromstring(page).xpath("//article[@data-method][not(@hidden)]")]


def test_every_operation_is_there_with_everything_that_is_declared_of_it(catalogue: Catalogue, book: Book) -> None:
    page = html.fromstring(Sheet(book).draw(Choice()))
    full = markdown.full(book)
    for operation in catalogue:
        (article,) = page.xpath(f"//article[@id='{operation.name}']")
        words = article.text_content()
        assert operation.doc.rstrip(".").replace("`", "") in words
        if not operation.self_service:
            assert f"{need(operation, None).level} {operation.area.replace('_', ' ')}" in words
        assert (operation.switch or "") in words
        assert (operation.event or "") in words
        assert f"\n### {operation.name}\n" in full
        for route in operation.routes:
            assert route.path in words
            assert route.path.split("/")[2] in article.get("data-version").split()
            assert f"- `{route.method} {route.path}`" in full
        if operation.routes and not operation.people_only:
            assert f"MCP tool{operation.tool}" in re.sub(r"\s+", " ", words)
            assert f"- MCP tool: `{operation.tool}`" in full


def test_arguments_and_answers_stand_with_the_operation(book: Book) -> None:
    full = markdown.full(book)
    update = full.split("### monitors.update\n")[1].split("\n### ")[0]
    assert "- `id` (integer, required)" in update
    assert "- `check_frequency` (integer or null)" in update
    assert "- Answers 200 with `monitor`; else 400" in update
    assert "- `pronounceable_name` (string" in full.split("### `monitor`\n")[1].split("\n### ")[0]


def test_every_filter_of_the_page_shows_what_it_says(book: Book) -> None:
    sheet = Sheet(book)
    for name, (_, values) in options(book.areas()).items():
        for value in values:
            choice = Choice(**{name: value})
            expected = [entry.name for entry in book.entries if choice.takes(entry)]
            assert sorted(shown(sheet.draw(choice))) == sorted(expected), (name, value)
    deletes = [entry.name for entry in book.entries if any(method == "DELETE" for method, _ in entry.addresses)]
    assert sorted(shown(sheet.draw(Choice(method="DELETE")))) == sorted(deletes)
    for each in shown(sheet.draw(Choice(risk="pages-a-person"))):
        assert next(entry for entry in book.entries if entry.name == each).switch == "page"


def test_words_are_searched_wherever_they_stand_and_all_must_be_there(book: Book) -> None:
    page = Sheet(book).draw(Choice(search="acknowledge v3"))
    assert shown(page) == ["incidents.acknowledge"]
    nothing = Sheet(book).draw(Choice(search="acknowledge nonsense"))
    assert shown(nothing) == []
    assert html.fromstring(nothing).xpath("//p[@class='none'][not(@hidden)]")


def test_an_address_is_read_with_care(book: Book) -> None:
    areas = book.areas()
    assert chosen(b"method=GET&risk=read&q=%20Monitor%20%20Group", areas) == Choice(
        method="GET", risk="read", search="monitor group"
    )
    assert chosen(b"method=TRACE&area=nowhere&search=x&constructor=1", areas) == Choice(), "what nobody can choose"
    assert len(chosen(b"q=" + b"a" * 5_000, areas).search) <= 80
    assert chosen(b"&&&=&%ff=%ff&" * 500, areas) == Choice()


def test_what_is_searched_for_and_what_is_declared_stays_text() -> None:
    attack = "<script>alert(1)</script>' onfocus='alert(1)"
    sky = [replace(each, doc=f"{attack} `code`.") for each in Sky().operations]
    page = Sheet(read(Catalogue(sky))).draw(Choice(search=attack))
    assert "<script>alert" not in page
    assert "' onfocus='" not in page
    assert f"value='{escape(attack)}'" in page


async def test_it_is_small_and_given_from_memory(client: httpx.AsyncClient) -> None:
    answer = await client.get("/docs/api")
    assert answer.status_code == 200
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < MAX_TRANSFERRED_BYTES
    again = await client.get("/docs/api", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    plain = await client.get("/docs/api", headers={"accept-encoding": "identity"})
    assert plain.content == answer.content
    assert plain.headers["etag"] != answer.headers["etag"]
    head = await client.head("/docs/api")
    assert (head.headers["content-length"], head.content) == (answer.headers["content-length"], b"")


async def test_the_policy_names_the_one_script_and_the_one_style_that_are_there(client: httpx.AsyncClient) -> None:
    answer = await client.get("/docs/api?risk=public")
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", answer.text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in CONTENT_SECURITY_POLICY
    assert "unsafe" not in CONTENT_SECURITY_POLICY
    assert re.findall(r"(?:src|href|action)=['\"](?:https?:)?//", answer.text) == [], "nothing from elsewhere"


async def test_older_links_lead_to_it(client: httpx.AsyncClient) -> None:
    for path in ("/api", "/api/"):
        answer = await client.get(path)
        assert (answer.status_code, answer.headers["location"]) == (308, "/docs/api")


async def test_it_is_only_read(client: httpx.AsyncClient) -> None:
    answer = await client.post("/docs/api")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_however_many_choices_are_asked_for_few_are_kept(catalogue: Catalogue) -> None:
    reference = Reference(catalogue)
    transport = httpx.ASGITransport(app=reference)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="https://tocsin.example") as client:
        for number in range(40):
            assert (await client.get(f"/docs/api?q=monitor{number}")).status_code == 200
        assert len(reference._filtered) <= 16
        assert shown((await client.get("/docs/api?q=monitor39")).text) == []


async def test_the_short_index_leads_to_everything(client: httpx.AsyncClient, book: Book) -> None:
    index = (await client.get("/llms.txt")).text
    assert index.startswith("# Tocsin\n\n> ")
    links = re.findall(r"\]\((https://tocsin\.example\S+?)\)", index)
    assert len(links) == 3 + len(book.areas())
    for link in links:
        if not link.endswith("/api/openapi.json"):
            answer = await client.get(link)
            assert answer.status_code == 200, link
            assert answer.headers["content-type"] == ("text/html" if link.endswith("/docs/api") else "text/plain") + (
                "; charset=utf-8"
            )
    assert len(index) < 20_000, "an index that fills no context"
    assert len(gzip.compress((await client.get("/llms-full.txt")).content)) < MAX_TRANSFERRED_BYTES


def test_every_link_of_the_documentation_s_pages_leads_somewhere(book: Book) -> None:
    pages = markdown.pages(book)
    headings = {
        name: {line[4:].strip("`").replace(".", "").lower() for line in text.splitlines() if line.startswith("### ")}
        for name, text in pages.items()
    }
    links = re.findall(r"\]\(([^)#]+)(?:#([^)]*))?\)", pages["README.md"])
    assert len(links) > len(book.entries)
    assert [
        (page, anchor) for page, anchor in links if page not in pages or (anchor and anchor not in headings[page])
    ] == []
