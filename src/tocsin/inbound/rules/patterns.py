"""Patterns that people write, run so that none of them can keep us from paging: bounded whatever the text is."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import re2
from cssselect import GenericTranslator, SelectorError
from lxml import etree

MAX_PATTERN_CHARACTERS = 1_000
MAX_PATTERN_MEMORY_BYTES = 256 * 1024
"""What a compiled pattern may take: bounds its steps per character, which repetitions in repetitions would multiply."""
MAX_TEXT_CHARACTERS = 64 * 1024
"""Of a text that a pattern is run on; the rest is not looked at."""
MAX_SELECTOR_CHARACTERS = 500
MAX_XML_BYTES = 256 * 1024
"""Of a document in which elements are looked for."""

_PLAIN_SELECTOR = re.compile(r"""(?:[^:\\"'()]|::?\s*(?!.)|"[^"\\]*"|'[^'\\]*')*""")


def complaint_about_pattern(pattern: str) -> str | None:
    """Why this pattern cannot be used, or None."""
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        return f"is too long for a pattern (maximum is {MAX_PATTERN_CHARACTERS} characters)"
    try:
        _compiled(pattern)
    except (re2.error, UnicodeError) as error:
        words = error.args[0] if error.args else ""
        words = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
        return f"is not a regular expression that can be used here (RE2 syntax: no look-around): {words}"
    return None


def search(pattern: str, text: str) -> str | None:
    """The first group of the first match, or the whole match when there is none; None when nothing matches.

    RE2 runs in time proportional to the text, so that no pattern can hang us.
    """
    try:
        found: Any = _compiled(pattern).search(text[:MAX_TEXT_CHARACTERS])
    except (re2.error, UnicodeError):
        return None
    if found is None:
        return None
    groups = found.groups()
    taken: str | None = groups[0] if groups and groups[0] is not None else found.group()
    return taken


def complaint_about_selector(selector: str) -> str | None:
    """Why this CSS selector cannot be used, or None."""
    if len(selector) > MAX_SELECTOR_CHARACTERS:
        return f"is too long for a CSS selector (maximum is {MAX_SELECTOR_CHARACTERS} characters)"
    if _PLAIN_SELECTOR.fullmatch(selector) is None:
        return "is a CSS selector with a pseudo-class, which is not supported: use names, classes, ids and attributes"
    try:
        _xpath(selector)
    except (SelectorError, etree.XPathError, ValueError, RecursionError):
        return "is not a CSS selector"
    return None


def parse_xml(body: bytes) -> Any:
    """The document's root element, or None when it is no XML. Loads nothing, expands nothing, stays small."""
    if len(body) > MAX_XML_BYTES:
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None


def select(root: Any, selector: str) -> str | None:
    """The text of the first element that the selector names, whatever namespace it is in; None when there is none."""
    try:
        found = _xpath(selector)(root)
    except (SelectorError, etree.XPathError, ValueError, RecursionError):
        return None
    if not isinstance(found, list) or not found:
        return None
    return "".join(found[0].itertext())


@lru_cache(maxsize=1_000)
def _compiled(pattern: str) -> Any:
    options = re2.Options()
    options.max_mem = MAX_PATTERN_MEMORY_BYTES
    options.log_errors = False
    return re2.compile(pattern, options)


@lru_cache(maxsize=1_000)
def _xpath(selector: str) -> Any:
    return etree.XPath(_Translator().css_to_xpath(selector, prefix="descendant-or-self::"))


class _Translator(GenericTranslator):
    """Names match whatever their namespace is: senders put one on everything, people write none in selectors."""

    def xpath_element(self, selector: Any) -> Any:
        found = super().xpath_element(selector)
        if selector.element and selector.namespace is None:
            found.element = "*"
            found.add_condition(f"local-name() = {self.xpath_literal(selector.element)}")
        return found
