"""What we say to a mall, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from gateway.sdk.inquiry import MallFlags


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundFile:
    """A file that goes with a reply. `content` is empty while a reply is only checked; `size` is in bytes."""

    name: str
    content_type: str
    size: int
    content: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """The thread that is answered: the facts of the last normalised inquiry that a send needs."""

    external_id: str
    context: Mapping[str, Any] = field(default_factory=dict)
    flags: MallFlags = field(default_factory=MallFlags)
    opened_at: datetime | None = None
    last_inbound_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundReply:
    """An agent's answer on its way out.

    `reply_id` stays the same over all attempts: use it as the key where a mall knows idempotency.
    `created_at` is when the agent submitted it, in UTC.
    """

    reply_id: str
    case_id: str
    thread: Thread
    text: str
    created_at: datetime
    files: tuple[OutboundFile, ...] = ()
    author_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the mall answered to a send that it confirmed.

    `external_id` is the new message's id in the form that `normalise` gives it, None where the
    mall does not tell; the echo is then matched by fingerprint. `sent_at` is the mall's time.
    `evidence` is the start of the answer, without personal data.
    """

    external_id: str | None = None
    sent_at: datetime | None = None
    evidence: str = ""


class Mark(StrEnum):
    """A flag of a thread that can be written to a mall."""

    READ = "read"  # the shop has read the thread
    COMPLETED = "completed"  # the shop regards the thread as done
    REOPENED = "reopened"  # completed is taken back
    PRIVATE = "private"  # only shop and customer may read the thread


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkResult:
    """What became of one thread of a `mark` call; `reason` is the mall's word when it failed."""

    external_id: str
    is_done: bool
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadedFile:
    """The bytes of an inbound attachment; `content_type` is the mall's claim, to be distrusted."""

    content: bytes
    content_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """What a channel test found out: the mall let us in, until when, and what an operator should know."""

    account: str
    expires_at: datetime | None = None
    warnings: tuple[str, ...] = ()
