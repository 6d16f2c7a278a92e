"""What can be done with a case now, and for the rest the reason why not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.ids import new_id, to_public
from gateway.model import Case, Channel
from gateway.model.errors import DomainError
from gateway.runtime import Runtime
from gateway.sdk import AnyConnector, Capabilities, Mark, OutboundFile, OutboundReply, Text, Violation
from gateway.vault import VaultError


class Action(StrEnum):
    """Something that an agent may want to do with a case."""

    REPLY = "reply"  # answer the customer
    ATTACH_FILES = "attach_files"  # send files with an answer
    MARK_READ = "mark_read"  # tell the mall that the thread was read
    MARK_COMPLETED = "mark_completed"  # tell the mall that the thread is done
    MARK_REOPENED = "mark_reopened"  # take that back
    MARK_PRIVATE = "mark_private"  # have the mall show the thread to shop and customer alone


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedAction:
    """One action: whether it is possible now, and the reason if it is not."""

    action: Action
    is_allowed: bool
    reason: Text | None = None


_MARKS = {
    Mark.READ: Action.MARK_READ,
    Mark.COMPLETED: Action.MARK_COMPLETED,
    Mark.REOPENED: Action.MARK_REOPENED,
    Mark.PRIVATE: Action.MARK_PRIVATE,
}
_NO_REPLY = Text(ja="このチャネルでは返信できません。", en="This channel cannot reply.")
_NO_FILES = Text(ja="このチャネルの返信にはファイルを添付できません。", en="Replies of this channel carry no files.")
_NO_MARK = Text(ja="このモールにはこの操作を伝える手段がありません。", en="This mall has no way to be told this.")
_ALREADY = Text(ja="モールではすでにその状態です。", en="It already stands so at the mall.")
_NOT_COMPLETED = Text(ja="モールでは完了になっていません。", en="It is not completed at the mall.")
_NO_KEY = Text(
    ja="保存された認証情報を開けません。GATEWAY_SECRET_KEYS を確認してください。",
    en="The stored credentials cannot be opened; look at GATEWAY_SECRET_KEYS.",
)


async def limits_of(runtime: Runtime, channel: Channel) -> Capabilities | Text:
    """Return what a channel can do, or why its connector cannot work at all."""
    try:
        async with runtime.connector(channel) as connector:
            return connector.limits
    except DomainError as error:
        return error.text
    except VaultError:
        return _NO_KEY


async def allowed_actions(runtime: Runtime, case: Case, channel: Channel) -> list[AllowedAction]:
    """Return every action, each with its reason if it is not possible now."""
    try:
        async with runtime.connector(channel) as connector:
            return list(_judge(connector, case, runtime.clock()))
    except DomainError as error:
        reason = error.text
    except VaultError:
        reason = _NO_KEY
    return [AllowedAction(action=action, is_allowed=False, reason=reason) for action in Action]


def outbound(
    case: Case,
    text: str,
    files: Sequence[OutboundFile],
    *,
    now: datetime,
    reply_id: str | None = None,
    author_name: str | None = None,
) -> OutboundReply:
    """Return an answer in the shape that connectors check."""
    return OutboundReply(
        reply_id=reply_id or to_public("rpl", new_id()),
        case_id=to_public("case", case.id),
        thread=case.thread,
        text=text,
        created_at=now,
        files=tuple(files),
        author_name=author_name,
    )


def _judge(connector: AnyConnector, case: Case, now: datetime) -> Iterator[AllowedAction]:
    limits = connector.limits
    obstacle = _obstacle(connector, case, now)
    yield AllowedAction(action=Action.REPLY, is_allowed=obstacle is None, reason=obstacle)
    if obstacle is None and limits.reply is not None and limits.reply.max_attachments == 0:
        obstacle = _NO_FILES
    if obstacle is None:
        obstacle = _file_obstacle(connector, case, now)
    yield AllowedAction(action=Action.ATTACH_FILES, is_allowed=obstacle is None, reason=obstacle)
    for mark, action in _MARKS.items():
        reason = _NO_MARK if mark not in limits.marks else _needless(case, mark)
        yield AllowedAction(action=action, is_allowed=reason is None, reason=reason)


def _obstacle(connector: AnyConnector, case: Case, now: datetime) -> Text | None:
    """Return why no answer is possible, whatever it says: what the connector finds wrong with a harmless one."""
    limits = connector.limits
    if limits.reply is None:
        return limits.no_reply_reason or _NO_REPLY
    return _first(connector.check(outbound(case, "OK", (), now=now)))


def _file_obstacle(connector: AnyConnector, case: Case, now: datetime) -> Text | None:
    """Return why no file is possible: what the connector finds wrong with a harmless one."""
    limits = connector.limits.reply
    types = limits.attachment_types if limits is not None else ()
    harmless = OutboundFile(name="a.png", content_type=next(iter(types), "image/png"), size=1)
    return _first(connector.check(outbound(case, "OK", (harmless,), now=now)))


def _first(violations: Sequence[Violation]) -> Text | None:
    # A file's name is no obstacle: the agent chooses it.
    return next((v.message for v in violations if not v.is_warning and not v.pointer.endswith("/name")), None)


def _needless(case: Case, mark: Mark) -> Text | None:
    flags = case.mall_flags
    match mark:
        case Mark.READ:
            return _ALREADY if flags.is_read else None
        case Mark.COMPLETED:
            return _ALREADY if flags.is_completed else None
        case Mark.PRIVATE:
            return _ALREADY if flags.is_private else None
        case Mark.REOPENED:
            return None if flags.is_completed else _NOT_COMPLETED
