"""The team's web pages: for now the page behind the button in an alert, where a person answers."""

from tocsin.console.app import console_app

__all__ = ["console_app"]
