"""Calls an API with whatever its own manual allows or forbids, and compares the answers with the manual."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from tocsin.rest.app import Api


def try_out(
    api: Api, token: str, *, examples: int, area: str | None = None, skip: frozenset[str] = frozenset()
) -> dict[str, set[int]]:
    """The statuses that each operation (of that area) answered; raises at the first that is not foreseen."""
    import schemathesis  # here, for it is slow to import, and the fast tests are collected without it
    from schemathesis import GenerationMode

    schema = schemathesis.openapi.from_asgi("/api/openapi.json", api)
    found: dict[str, set[int]] = {}
    operations = [result.ok() for result in schema.get_all_operations()]
    for operation in sorted(operations, key=lambda each: each.method.upper() == "DELETE"):
        name = operation.definition.raw["operationId"]
        if name in skip or area not in (None, *operation.definition.raw["tags"]):
            continue
        statuses = found.setdefault(name, set())
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body or operation.path_parameters):
                continue
            _try_one(operation, mode, token, examples, statuses)
    return found


def _try_one(operation: Any, mode: Any, token: str, examples: int, statuses: set[int]) -> None:
    from schemathesis import GenerationMode
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi.checks import (
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
        status_code_conformance,
    )

    checks = [
        not_a_server_error,
        status_code_conformance,
        content_type_conformance,
        response_headers_conformance,
        response_schema_conformance,
    ]

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def once(case: Any) -> None:
        if mode is GenerationMode.POSITIVE:  # otherwise nearly every id would be of nothing
            case.path_parameters = dict.fromkeys(case.path_parameters or {}, 1)
        response = case.call(headers={"authorization": f"Bearer {token}"})
        statuses.add(response.status_code)
        case.validate_response(response, checks=checks)

    once()
