"""What a mall can and cannot do, declared in one place and published by the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from gateway.sdk.reply import Mark
from gateway.sdk.text import Text

Certainty = Literal["official", "client", "inferred", "own"]


class Source(BaseModel):
    """Where a fact stands, and how sure it is.

    `official`: the mall's documents; `client`: seen in public clients or measured; `inferred`: our
    conclusion, therefore configurable; `own`: a protocol that we define ourselves.
    """

    model_config = ConfigDict(frozen=True)

    fact: str
    certainty: Certainty
    reference: str


class ReplyLimits(BaseModel):
    """The rules that a reply must keep; None means that the mall states no such rule.

    `link_hosts`: hosts (with their subdomains) that links may point to, None allows all.
    `attachment_types` are media types as sniffed; sizes are in bytes; characters are code points.
    """

    model_config = ConfigDict(frozen=True)

    max_chars: Annotated[int, Field(gt=0)]
    max_line_chars: int | None = None
    link_hosts: tuple[str, ...] | None = None
    requires_https_links: bool = False
    max_attachments: int = 0
    max_attachment_bytes: int | None = None
    max_attachment_name_chars: int | None = None
    forbidden_attachment_name_chars: str = ""
    attachment_types: tuple[str, ...] = ()


class Capabilities(BaseModel):
    """What a connector can do. The contract kit and the API skip by these, never by the mall's name.

    `page_size`: most records of one page. `lists_by`: whether the mall's list is filtered by the
    thread's creation or by its last change, None without a list. `request_interval`: the least
    time between the starts of two requests of one credential. `credential_lifetime`: how long a
    credential lives from its issue, None if it does not end by itself.
    `is_send_idempotent`: repeating a send with the same `reply_id` cannot make a second copy.
    `proves_absence`: a clean read of the thread after some minutes shows every message that
    was stored, so that a reply that is missing there was not sent.
    """

    model_config = ConfigDict(frozen=True)

    can_pull: bool = True
    can_receive: bool = False
    can_read_thread: bool = True
    can_download: bool = False
    lists_by: Literal["created", "updated"] | None = None
    page_size: Annotated[int, Field(gt=0)] = 100
    request_interval: timedelta = timedelta()
    credential_lifetime: timedelta | None = None
    reply: ReplyLimits | None = None
    no_reply_reason: Text | None = None
    is_send_idempotent: bool = False
    proves_absence: bool = True
    marks: frozenset[Mark] = frozenset()
    mark_batch_size: Annotated[int, Field(gt=0)] = 1
    sources: tuple[Source, ...] = ()

    @property
    def can_reply(self) -> bool:
        """Whether an answer can be sent through this connector."""
        return self.reply is not None
