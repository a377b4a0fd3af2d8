"""Reads what somebody has set on a place that a team is told at, by the form that the place's channel gives."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

import msgspec

from tocsin.kernel.errors import Invalid
from tocsin.kernel.vault import HIDDEN

MAX_SETTINGS_CHARACTERS = 50_000
"""Of all settings of one target as JSON: Jira's fields are the largest, and no form has so many."""

ADDRESSES = ("site_url", "server", "url")
"""Settings that say to which server a target's credentials are sent."""
CREDENTIALS = ("api_token", "token", "password", "authorization")
"""Settings that are sent to it as they are."""

Errors = dict[str, list[str]]


def read(
    form: type[msgspec.Struct], current: Mapping[str, Any], given: Mapping[str, Any], inside: str | None = None
) -> tuple[dict[str, Any], Errors]:
    """The settings of a target after `given`, and what is wrong with them: by their names, or all under `inside`.

    `form`: the channel's `Target`. A null gives the default back; `[hidden]`, as answers show a secret, leaves it as it
    is. Raises Invalid for names that the form does not have, for needed ones that are missing, and for a value of
    which only a few are allowed.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(form)}
    hints = typing.get_type_hints(form, include_extras=True)
    unknown = [name for name in given if name not in fields]
    if unknown:
        raise Invalid.unknown(unknown)
    values, errors = {name: value for name, value in current.items() if name in fields}, {}
    for name, value in given.items():
        if value == HIDDEN:  # sent back as it was shown: it stays
            continue
        if value is None:
            values.pop(name, None)
            continue
        try:
            values[name] = msgspec.to_builtins(msgspec.convert(value, hints[fields[name].name], strict=False))
        except msgspec.ValidationError as error:
            errors[name] = _words(name, hints[fields[name].name], error)
    missing = [name for name, field in fields.items() if field.required and name not in values and name not in errors]
    if missing and not errors:
        raise Invalid.missing(missing)
    if not errors:
        complaints: dict[str, str] = getattr(msgspec.convert(values, form), "complaints", dict)()
        errors = {name: [text] for name, text in complaints.items()}
        if len(msgspec.json.encode(values)) > MAX_SETTINGS_CHARACTERS:
            errors["base"] = [f"settings are too long (maximum is {MAX_SETTINGS_CHARACTERS} characters)"]
    if not errors:
        errors = _taken_along(form, current, values, given)
    if inside is not None and errors:
        errors = {inside: [f"{name} {text}" for name, texts in errors.items() for text in texts]}
    return values, errors


def _taken_along(
    form: type[msgspec.Struct], current: Mapping[str, Any], values: Mapping[str, Any], given: Mapping[str, Any]
) -> Errors:
    """A secret goes to the server that it was given for: whoever may change the address has not seen the secret."""
    if not any(name in current and _origin(values.get(name)) != _origin(current[name]) for name in ADDRESSES):
        return {}
    kept = [name for name in CREDENTIALS if name in form.__struct_fields__ and values.get(name)]
    return {
        name: ["must be sent again, because the server has changed"]
        for name in kept
        if values[name] == current.get(name) and given.get(name) in (None, HIDDEN)
    }


def _origin(address: Any) -> str:
    return "/".join(str(address or "").lower().split("/")[:3])


def _words(name: str, annotation: Any, error: msgspec.ValidationError) -> list[str]:
    """What is wrong with one setting. Raises Invalid with the allowed values where only some are."""
    if typing.get_origin(annotation) is typing.Literal:
        raise Invalid.values({name: list(typing.get_args(annotation))}) from None
    text = str(error).partition(" - at `$")[0].replace("`", "")
    return [f"is wrong: {text[:1].lower()}{text[1:]}"]
