"""How a resource and an operation are declared; knows nothing about what this product is for."""

from tocsin.registry.catalogue import Catalogue
from tocsin.registry.operation import Bounds, Call, Done, Operation, Page, PageSize, Route, Scope
from tocsin.registry.resource import Resource

__all__ = ["Bounds", "Call", "Catalogue", "Done", "Operation", "Page", "PageSize", "Resource", "Route", "Scope"]
