"""Composite tools: one file each, found by looking at what is here."""

from __future__ import annotations

import importlib
import pkgutil

from tocsin.mcp.composites import Composite


def _found() -> dict[str, Composite]:
    composites: dict[str, Composite] = {}
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda module: module.name):
        composite: Composite = importlib.import_module(f"{__name__}.{module.name}").TOOL
        composites[composite.name] = composite
    return composites


COMPOSITES: dict[str, Composite] = _found()
"""By name."""
