"""The ways in which a request can be wrong, in words that every surface can translate.

    TocsinError
    ├── Unauthenticated   we do not know who you are
    ├── Refused           we know who you are, and you may not
    ├── NotFound          there is no such thing (or it belongs to another team, which is the same to you)
    ├── Conflict          the thing is not in a state in which this can be done
    ├── BadRequest        the question itself makes no sense, e.g. a range that ends before it begins
    ├── Invalid           what you sent cannot be accepted; says which field, and what would be
    ├── TooMany           you have asked too often; says when to come back
    ├── Pending           a person must approve it first; says where that can be seen
    ├── UpstreamFailed    whoever stands behind us could not be asked, or gave no answer that can be passed back
    │   └── UpstreamSilent    it did not answer in time
    └── Unavailable       our storage cannot take this just now; nothing was written, try again

No HTTP numbers here: each surface maps these classes in one table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any


class TocsinError(Exception):
    """Base of every error that is the caller's to read. `message` is a whole English sentence.

    `aftermath(tx)` is what must be written down although everything else is undone, e.g. that a code was tried.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message
        self.aftermath: Callable[[Any], None] | None = None
        self.rule = ""
        """Which rule said so, for the audit log."""
        self.why = ""
        """The reason in the log's words; without it the message is the reason."""


class Unauthenticated(TocsinError):
    """No token, or one that we do not know."""


class Refused(TocsinError):
    """A known caller lacks the right. The message names what is missing."""


class NotFound(TocsinError):
    """No such resource within the caller's reach."""

    def __init__(self, resource_type: str, id: object, message: str | None = None) -> None:
        super().__init__(message or f"Resource type {resource_type} with id = {id} was not found")
        self.resource_type = resource_type
        self.id = id


class Conflict(TocsinError):
    """The resource exists but is in the wrong state, e.g. already acknowledged."""


class BadRequest(TocsinError):
    """A question that cannot be answered as asked, e.g. dates that cannot be read (contract part 1, 3.6)."""


class TooMany(TocsinError):
    """Over a limit. `retry_after_seconds` says when the next call may succeed."""

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Pending(TocsinError):
    """Nothing was done yet: a person must approve exactly this. The same call, made again after that, is done once."""

    def __init__(self, message: str, *, approval_id: int, expires_at: str, preview: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.approval_id = approval_id
        self.expires_at = expires_at
        self.preview = dict(preview)

    @property
    def answer(self) -> dict[str, Any]:
        """What every surface tells the agent."""
        return {
            "status": "pending_approval",
            "approval_id": str(self.approval_id),
            "expires_at": self.expires_at,
            "message": self.message,
            "preview": self.preview,
        }


class Unavailable(TocsinError):
    """Storage is locked, full or gone. The transaction was rolled back whole, unless the message says that this cannot
    be known: a connection that ends during COMMIT leaves its answer open."""

    def __init__(self, message: str, retry_after_seconds: int = 10) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class UpstreamFailed(TocsinError):
    """Whoever stands behind us, where this would be done, could not be asked or gave no answer that can be passed on.
    The message says whether it may have been done."""


class UpstreamSilent(UpstreamFailed):
    """It did not answer in time."""


class Invalid(TocsinError):
    """Input that cannot be accepted; `detail` is the wire body's sibling of `errors` (contract part 1, 2.3).

    Four shapes, four constructors: `Invalid.fields`, `Invalid.unknown`, `Invalid.missing`, `Invalid.values`;
    plain `Invalid("…")` is a sentence alone.
    """

    def __init__(
        self,
        message: str,
        *,
        fields: Mapping[str, Sequence[str]] | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.field_errors = {name: list(texts) for name, texts in (fields or {}).items()}
        self.detail = dict(detail or {})

    @classmethod
    def fields(cls, **errors: str | Sequence[str]) -> Invalid:
        """Errors by field: `Invalid.fields(url="can't be blank")`; use the key `base` for the whole."""
        return cls.of({name: [text] if isinstance(text, str) else list(text) for name, text in errors.items()})

    @classmethod
    def of(cls, errors: Mapping[str, Sequence[str]]) -> Invalid:
        words = "; ".join(f"{name} {text}" for name, texts in errors.items() for text in texts)
        return cls(words, fields=errors)

    @classmethod
    def unknown(cls, names: Sequence[str]) -> Invalid:
        return cls("Sorry, you misspelled some attributes", detail={"invalid_attributes": list(names)})

    @classmethod
    def missing(cls, names: Sequence[str]) -> Invalid:
        return cls("Sorry, you are missing some required attributes", detail={"required_attributes": list(names)})

    @classmethod
    def values(cls, allowed: Mapping[str, Any]) -> Invalid:
        return cls("Sorry, these attributes have unsupported values", detail={"allowed_values": dict(allowed)})
