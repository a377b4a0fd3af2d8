"""The reference of everything that can be done here, for people and for programs, drawn from what is declared."""

from tocsin.rest.reference.app import Reference
from tocsin.rest.reference.entries import Book, read
from tocsin.rest.reference.markdown import pages

__all__ = ["Book", "Reference", "pages", "read"]
