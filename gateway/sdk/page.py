"""What arrives from a mall, untouched: raw records, pages of them, and webhook requests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRecord:
    """One payload as received, before anybody tries to understand it.

    `external_id` is the mall's thread id; None when the payload is too damaged to name one, and
    then the record is identified by its digest. `version` tells two states of the same thread
    apart: a record is stored only if its version differs from the newest stored one of that
    thread. `is_headline` marks a listing row that `Connector.complete` must turn into the whole
    thread before it can be normalised; it is asked only for versions not seen yet.
    """

    payload: bytes
    external_id: str | None = None
    content_type: str = "application/json"
    version: str = ""
    is_headline: bool = False

    def __post_init__(self) -> None:
        if not self.version:
            object.__setattr__(self, "version", self.digest)

    @property
    def digest(self) -> str:
        """SHA-256 of the payload, in hexadecimal."""
        return hashlib.sha256(self.payload).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A time range that was listed to its last page: the raw material of the coverage ledger.

    `list_key` names the mall's list order or filter, such as `created`; `count` is the number of
    rows that the mall itself reported for the range, None where it reports none.
    """

    list_key: str
    start: datetime
    end: datetime
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The next records, the cursor to store with them, and whether more can be read at once.

    `cursor` may be stored even if the page is empty. `next_at` is a wish, in UTC: when a further
    call would find something worth reading; None leaves it to the channel's own interval.
    """

    records: tuple[RawRecord, ...]
    cursor: str
    has_more: bool = False
    covered: tuple[Span, ...] = ()
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRequest:
    """An HTTP request that somebody sent to a channel's public address.

    `path` is the full path; `route` is the entry of `Connector.webhook_paths` that it matched and
    `params` its placeholders, `address` among them. Header names are lower case. `client_ip` has
    already passed the list of trusted proxies. A body over `Connector.webhook_limit` is cut one
    byte behind the limit, so that its length tells.
    """

    method: str
    path: str
    route: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    client_ip: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookResponse:
    """The answer to a webhook request."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRecord:
    """What became of one received record: the ids that an answer may name.

    `case_id` is None while the record waits in quarantine.
    """

    record_id: str
    case_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reception:
    """The outcome of `Connector.receive`: records to store, or an answer that stores nothing.

    Exactly one way ends a request: with `response` set, the answer is final and `records` is
    empty. With records, the engine stores and applies them and then asks
    `Connector.acknowledge` for the answer; `is_quarantined` sends them to quarantine unread, with
    `quarantine_reason`.
    """

    records: tuple[RawRecord, ...] = ()
    response: WebhookResponse | None = None
    quarantine_reason: str | None = None
