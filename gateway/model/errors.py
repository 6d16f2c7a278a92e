"""What can be wrong with a wish, without any word of HTTP.

DomainError
├── NotFoundError            there is no such thing, or the caller may not see it
├── InvalidError             the wish breaks rules; `problems` says which, and where
├── ConflictError            it does not fit the present state
│   └── StaleError           it was made against an older revision; `current` is the present one
└── ForbiddenError           the caller may not do this
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gateway.sdk.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One broken rule: `pointer` is a JSON Pointer into what was handed in, `extra` holds offsets and fixes."""

    code: str
    pointer: str
    message: Text
    extra: dict[str, Any] | None = None


class DomainError(Exception):
    """Base: `code` is stable for programs, `text` is for people."""

    def __init__(self, code: str, text: Text, *, extra: dict[str, Any] | None = None) -> None:
        super().__init__(text.en)
        self.code = code
        self.text = text
        self.extra = extra or {}


class NotFoundError(DomainError):
    """There is no such thing, or the caller may not see it."""

    def __init__(self, what: str, id_: str) -> None:
        super().__init__("not_found", Text(ja=f"{what} {id_} は見つかりません。", en=f"There is no {what} {id_}."))


class InvalidError(DomainError):
    """The wish breaks rules."""

    def __init__(
        self, code: str, text: Text, problems: Sequence[Problem] = (), *, extra: dict[str, Any] | None = None
    ) -> None:
        super().__init__(code, text, extra=extra)
        self.problems = tuple(problems)


class ConflictError(DomainError):
    """The wish does not fit the present state."""


class StaleError(ConflictError):
    """The wish was made against an older revision."""

    def __init__(self, current: int, *, extra: dict[str, Any] | None = None) -> None:
        super().__init__(
            "stale_revision",
            Text(
                ja=f"その後に更新されています(現在の版: {current})。最新の内容を確認してください。",
                en=f"It has changed since; the present revision is {current}. Read it again.",
            ),
            extra={"revision": current, **(extra or {})},
        )


class ForbiddenError(DomainError):
    """The caller may not do this."""
