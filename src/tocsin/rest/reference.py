"""The manual of the API as a web page: one file, readable without scripts and without the internet."""

from __future__ import annotations

import base64
import hashlib
import json
from html import escape
from typing import Any

_METHODS = ("get", "post", "patch", "put", "delete")

_STYLE = """
:root{color-scheme:light dark;--ink:#1c2330;--soft:#5b6675;--line:#dfe4ea;--paper:#fff;--tint:#f5f7fa;--get:#1769aa;
--post:#1c7c4d;--patch:#9a5b00;--put:#9a5b00;--delete:#b3261e}
@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa5b4;--line:#2c3542;--paper:#12171f;--tint:#1a212c;
--get:#6cb6ff;--post:#63d297;--patch:#f0b35a;--put:#f0b35a;--delete:#ff8a80}}
*{box-sizing:border-box}body{margin:0;font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:var(--paper)}
.page{display:grid;grid-template-columns:15rem minmax(0,46rem);gap:3rem;max-width:68rem;margin:0 auto;
padding:2.5rem 1.5rem}
nav{position:sticky;top:2.5rem;align-self:start;max-height:calc(100vh - 5rem);overflow:auto;font-size:.9rem}
nav summary{cursor:pointer;text-transform:capitalize;font-weight:600;padding:.3rem 0}nav summary span{color:var(--soft);
font-weight:400;padding-left:.4rem}nav details{padding-bottom:.1rem}nav details a{padding-left:1rem}
nav a{display:block;color:inherit;text-decoration:none;padding:.15rem 0}nav a:hover{text-decoration:underline}
h1{margin:0 0 .5rem;font-size:2rem}main>h2{margin:3rem 0 1rem;text-transform:capitalize}
article{border:1px solid var(--line);border-radius:10px;margin:0 0 1.25rem;padding:1.1rem 1.25rem}
article h3{margin:0;font-size:1.05rem}.address{margin:.35rem 0 .7rem;overflow-wrap:anywhere}
code{font:.875em ui-monospace,monospace}.method{font-weight:700;text-transform:uppercase}
.get{color:var(--get)}.post{color:var(--post)}.patch{color:var(--patch)}.put{color:var(--put)}.delete{color:var(--delete)}
main a{color:var(--get)}main p,main td,main th{overflow-wrap:anywhere}
p{margin:.4rem 0}.soft{color:var(--soft);font-size:.9rem}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem;margin:.7rem 0}
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem .35rem 0;border-top:1px solid var(--line)}
caption{text-align:left;font-weight:600;padding:.3rem 0}th{color:var(--soft);font-weight:500}
@media(max-width:50rem){.page{grid-template-columns:minmax(0,1fr);gap:1rem}nav{position:static;max-height:none}}
"""

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'sha256-"
    + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
    + "'; base-uri 'none'; frame-ancestors 'none'"
).encode()
"""The page holds no script and no outside thing, and says so."""


def page(document: dict[str, Any]) -> str:
    """The HTML of an OpenAPI document made by `rest.openapi`."""
    by_tag: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                by_tag.setdefault(item[method]["tags"][0], []).append((method, path, item[method]))
    menu = "".join(  # folded: a phone would scroll through hundreds of links before the first word
        f"<details><summary>{escape(_words(tag))}<span>{len(found)}</span></summary>"
        + "".join(f'<a href="#{escape(each["operationId"])}">{escape(each["summary"])}</a>' for _, _, each in found)
        + "</details>"
        for tag, found in by_tag.items()
    )
    sections = "".join(
        f"<h2>{escape(_words(tag))}</h2>" + "".join(_article(*each, document) for each in found)
        for tag, found in by_tag.items()
    )
    info = document["info"]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Tocsin API</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{_STYLE}</style></head><body><div class='page'><nav aria-label='Operations'>{menu}</nav><main>"
        f"<h1>{escape(info['title'])}</h1><p class='soft'>Version {escape(info['version'])} · "
        '<a href="/api/openapi.json">OpenAPI 3.1</a></p>'
        f"<p>{_marked(info['description'])}</p>{sections}</main></div></body></html>"
    )


def _article(method: str, path: str, operation: dict[str, Any], document: dict[str, Any]) -> str:
    parameters = [
        (each["name"], each["schema"], each["in"] + (", required" if each["required"] else ""))
        for each in operation["parameters"]
        if each["in"] == "query"
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    required = body.get("required", ())
    attributes = [
        (name, schema, "required" if name in required else "") for name, schema in body.get("properties", {}).items()
    ]
    answers = ", ".join(f"<code>{escape(status)}</code>" for status in operation["responses"])
    return (
        f"<article id='{escape(operation['operationId'])}'><h3>{escape(operation['summary'])}</h3>"
        f"<p class='address'><code class='method {method}'>{method}</code> <code>{escape(path)}</code></p>"
        f"<p class='soft'>{_marked(operation['description'])}</p>"
        f"{_table('Query', parameters, document)}{_table('Attributes', attributes, document)}"
        f"<p class='soft'>Answers {answers}</p></article>"
    )


def _table(caption: str, rows: list[tuple[str, dict[str, Any], str]], document: dict[str, Any]) -> str:
    if not rows:
        return ""
    cells = "".join(
        f"<tr><th scope='row'><code>{escape(name)}</code></th><td>{escape(_type(schema, document))}</td>"
        f"<td>{escape(note)}</td><td>{_marked(schema.get('description', ''))}</td></tr>"
        for name, schema, note in rows
    )
    return f"<div class='scroll'><table><caption>{caption}</caption>{cells}</table></div>"


def _type(schema: dict[str, Any], document: dict[str, Any]) -> str:
    """A schema in a few words, e.g. `string or null`."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        found = document["components"]["schemas"].get(name, {})
        return " | ".join(map(str, found["enum"])) if "enum" in found else "object"
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(_type(each, document) for each in schema["anyOf"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}), document)}"
    return " or ".join(kind) if isinstance(kind, list) else str(kind)


def _words(tag: str) -> str:
    return tag.replace("_", " ")


def _marked(text: str) -> str:
    """Escaped text in which `code` and **strong** are marked."""
    parts = escape(text).split("`")
    marked = "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))
    parts = marked.split("**")
    return "".join(f"<strong>{part}</strong>" if index % 2 else part for index, part in enumerate(parts))
