"""What went wrong, named by what to do next.

ConnectorError                 base; raised by connectors and MallClient     what the engine does
├── RetryableError             nothing was done at the mall                  again after a growing wait
│   └── RateLimitedError       the mall said when                            again after `retry_after`
├── AuthenticationError        credentials refused or expired                pause the channel, tell the operator
├── RejectedError              the mall refused this call                    reply rejected, reason shown to the agent
├── UnknownOutcomeError        it may or may not have arrived                reconcile before any resend
└── MappingError               the payload is not understood                 quarantine the record, go on
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.sdk.check import Violation


class ConnectorError(Exception):
    """Base of all errors that a connector raises.

    Args:
        message: what happened, to whom, and what to try; no credentials, no personal data.
        code: the mall's own code, or a short snake_case name of ours; shown to operators.
        status: the HTTP status that the mall answered, if it answered.
        evidence: the start of the mall's answer, redacted; kept with the attempt.
    """

    def __init__(self, message: str, *, code: str = "", status: int | None = None, evidence: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.evidence = evidence


class RetryableError(ConnectorError):
    """Nothing was done at the mall; the same call may be made again after a wait."""


class RateLimitedError(RetryableError):
    """The mall (or our own request budget) asks to wait `retry_after` before the next call."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: timedelta,
        code: str = "rate_limited",
        status: int | None = None,
        evidence: str = "",
    ) -> None:
        super().__init__(message, code=code, status=status, evidence=evidence)
        self.retry_after = retry_after


class AuthenticationError(ConnectorError):
    """The credentials were refused or have expired; a person has to act, the channel pauses."""


class RejectedError(ConnectorError):
    """The mall understood the call and refused it; sending the same again will not help.

    `violations` carries the places of the reply that broke a rule, when they are known.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "rejected",
        status: int | None = None,
        evidence: str = "",
        violations: tuple[Violation, ...] = (),
    ) -> None:
        super().__init__(message, code=code, status=status, evidence=evidence)
        self.violations = violations


class UnknownOutcomeError(ConnectorError):
    """The call may or may not have had its effect; only a read of the thread can tell."""


class MappingError(ConnectorError):
    """A record's payload is damaged or unlike anything the mall documents.

    `pointer` is a JSON Pointer to the offending member where one is known.
    """

    def __init__(self, message: str, *, pointer: str = "", code: str = "unreadable", evidence: str = "") -> None:
        super().__init__(message, code=code, evidence=evidence)
        self.pointer = pointer
