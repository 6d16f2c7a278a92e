"""Rows become the public JSON shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from gateway.api import schemas
from gateway.api.fields import TextPublic
from gateway.casework.actions import AllowedAction
from gateway.ids import Prefix, to_public
from gateway.model import (
    Attachment,
    AttachmentState,
    Attempt,
    Case,
    Channel,
    Event,
    EventType,
    Job,
    Message,
    Note,
    Record,
    Reference,
    Reply,
    ThreadMark,
)
from gateway.sdk import AnyConnector, Capabilities, ReplyLimits, Text

SUBJECTS: Mapping[EventType, Prefix] = {
    EventType.CASE_OPENED: "case",
    EventType.CASE_CHANGED: "case",
    EventType.MESSAGE_RECEIVED: "msg",
    EventType.NOTE_ADDED: "note",
    EventType.REPLY_CHANGED: "rpl",
    EventType.MARK_CHANGED: "mark",
    EventType.CHANNEL_CHANGED: "chan",
    EventType.RECORD_QUARANTINED: "rec",
    EventType.ATTACHMENT_CHANGED: "att",
}


def _ref(prefix: Prefix, id_: UUID | None) -> str | None:
    return None if id_ is None else to_public(prefix, id_)


def to_text(text: Text) -> TextPublic:
    """Return a text in both languages."""
    return TextPublic(ja=text.ja, en=text.en)


def to_case(case: Case, references: Sequence[Reference]) -> schemas.CasePublic:
    """Return a case."""
    return schemas.CasePublic(
        id=to_public("case", case.id),
        channel_id=to_public("chan", case.channel_id),
        external_id=case.external_id,
        subject=case.subject,
        status=case.status.value,
        hold_reason=case.hold_reason,
        kind=case.kind.value,
        moment=case.moment.value,
        cause=case.cause.value if case.cause else None,
        category=case.category,
        customer=schemas.CustomerPublic(
            external_id=case.customer_external_id, name=case.customer_name, address=case.customer_address
        ),
        mall_flags=schemas.MallFlagsPublic(
            is_read=case.mall_is_read, is_completed=case.mall_is_completed, is_private=case.mall_is_private
        ),
        is_withdrawn=case.is_withdrawn,
        references=[
            schemas.ReferencePublic(
                kind=reference.kind,
                value=reference.value,
                is_verified=reference.is_verified,
                title=reference.title,
                url=reference.url,
            )
            for reference in references
            if reference.case_id == case.id
        ],
        opened_at=case.opened_at,
        updated_at=case.updated_at,
        last_message_at=case.last_message_at,
        last_inbound_at=case.last_inbound_at,
        last_outbound_at=case.last_outbound_at,
        revision=case.revision,
    )


def to_case_detail(case: Case, references: Sequence[Reference], actions: Sequence[AllowedAction]) -> schemas.CaseDetail:
    """Return a case with what can be done."""
    return schemas.CaseDetail(
        **dict(to_case(case, references)),
        actions=[
            schemas.ActionPublic(
                action=action.action.value,
                is_allowed=action.is_allowed,
                reason=to_text(action.reason) if action.reason else None,
            )
            for action in actions
        ],
    )


def to_attachment(attachment: Attachment) -> schemas.AttachmentPublic:
    """Return an attachment."""
    id_ = to_public("att", attachment.id)
    return schemas.AttachmentPublic(
        id=id_,
        message_id=_ref("msg", attachment.message_id),
        reply_id=_ref("rpl", attachment.reply_id),
        name=attachment.name,
        content_type=attachment.content_type,
        size=attachment.size,
        sha256=attachment.sha256,
        state=attachment.state.value,
        reason=attachment.reason,
        content_url=f"/v1/attachments/{id_}/content" if attachment.state is AttachmentState.STORED else None,
        created_at=attachment.created_at,
    )


def to_message(message: Message, attachments: Sequence[Attachment]) -> schemas.MessagePublic:
    """Return a message with those of `attachments` that are its own, or went out with its reply."""
    own = [
        one
        for one in attachments
        if one.message_id == message.id or (message.reply_id is not None and one.reply_id == message.reply_id)
    ]
    return schemas.MessagePublic(
        id=to_public("msg", message.id),
        case_id=to_public("case", message.case_id),
        external_id=message.external_id,
        direction=message.direction.value,
        author_role=message.author_role.value,
        author_name=message.author_name or None,
        text=message.text,
        html=message.html,
        is_deleted=message.is_deleted,
        is_read=message.is_read,
        sent_at=message.sent_at,
        received_at=message.received_at,
        reply_id=_ref("rpl", message.reply_id),
        attachments=[to_attachment(one) for one in own],
    )


def to_note(note: Note) -> schemas.NotePublic:
    """Return a note."""
    return schemas.NotePublic(
        id=to_public("note", note.id),
        case_id=to_public("case", note.case_id),
        author=note.author,
        text=note.text,
        created_at=note.created_at,
    )


def to_reply(reply: Reply, attachments: Sequence[Attachment]) -> schemas.ReplyPublic:
    """Return a reply with those of `attachments` that are its own."""
    reason = reply.thread_reason
    return schemas.ReplyPublic(
        id=to_public("rpl", reply.id),
        case_id=to_public("case", reply.case_id),
        channel_id=to_public("chan", reply.channel_id),
        position=reply.position,
        status=reply.status.value,
        text=reply.text,
        author_name=reply.author or None,
        base_revision=reply.base_revision,
        reason=schemas.ReasonPublic(code=reply.reason_code, text=to_text(reason) if reason else None)
        if reply.reason_code
        else None,
        due_at=reply.due_at,
        sent_at=reply.sent_at,
        external_id=reply.external_id,
        message_id=_ref("msg", reply.message_id),
        attachments=[to_attachment(one) for one in attachments if one.reply_id == reply.id],
        created_at=reply.created_at,
        updated_at=reply.updated_at,
        revision=reply.revision,
    )


def to_reply_detail(
    reply: Reply, attachments: Sequence[Attachment], attempts: Sequence[Attempt]
) -> schemas.ReplyDetail:
    """Return a reply with its attempts."""
    return schemas.ReplyDetail(
        **dict(to_reply(reply, attachments)),
        attempts=[
            schemas.AttemptPublic(
                number=attempt.number,
                outcome=attempt.outcome.value if attempt.outcome else None,
                code=attempt.code or None,
                detail=attempt.detail,
                http_status=attempt.http_status,
                evidence=attempt.evidence or ((attempt.receipt or {}).get("evidence") or None),
                digest=attempt.digest,
                started_at=attempt.started_at,
                finished_at=attempt.finished_at,
            )
            for attempt in attempts
        ],
    )


def to_mark(mark: ThreadMark) -> schemas.MarkPublic:
    """Return a mark."""
    return schemas.MarkPublic(
        id=to_public("mark", mark.id),
        case_id=to_public("case", mark.case_id),
        mark=mark.mark.value,
        state=mark.state.value,
        attempts=mark.attempts,
        reason=mark.reason,
        wanted_by=mark.wanted_by,
        wanted_at=mark.wanted_at,
        done_at=mark.done_at,
    )


def _to_limits(limits: ReplyLimits) -> schemas.ReplyLimitsPublic:
    return schemas.ReplyLimitsPublic(
        **limits.model_dump(include=set(schemas.ReplyLimitsPublic.model_fields) - {"link_hosts", "attachment_types"}),
        link_hosts=None if limits.link_hosts is None else list(limits.link_hosts),
        attachment_types=list(limits.attachment_types),
    )


def to_capabilities(capabilities: Capabilities) -> schemas.CapabilitiesPublic:
    """Return what a connector or channel can do."""
    reason = capabilities.no_reply_reason
    return schemas.CapabilitiesPublic(
        can_pull=capabilities.can_pull,
        can_receive=capabilities.can_receive,
        can_read_thread=capabilities.can_read_thread,
        can_download=capabilities.can_download,
        can_reply=capabilities.can_reply,
        lists_by=capabilities.lists_by,
        page_size=capabilities.page_size,
        request_interval_seconds=capabilities.request_interval.total_seconds(),
        credential_lifetime_days=capabilities.credential_lifetime / timedelta(days=1)
        if capabilities.credential_lifetime
        else None,
        reply=_to_limits(capabilities.reply) if capabilities.reply else None,
        no_reply_reason=to_text(reason) if reason else None,
        is_send_idempotent=capabilities.is_send_idempotent,
        proves_absence=capabilities.proves_absence,
        marks=sorted(mark.value for mark in capabilities.marks),
        sources=[
            schemas.SourcePublic(fact=source.fact, certainty=source.certainty, reference=source.reference)
            for source in capabilities.sources
        ],
    )


def to_connector(connector: type[AnyConnector]) -> schemas.ConnectorPublic:
    """Return a connector."""
    return schemas.ConnectorPublic(
        key=connector.key,
        name=to_text(connector.name),
        capabilities=to_capabilities(connector.capabilities),
        settings_schema=connector.settings_type.model_json_schema(),
        webhook_paths=list(connector.webhook_paths),
    )


def to_channel(
    channel: Channel, credential_names: Sequence[str], webhook_paths: Sequence[str]
) -> schemas.ChannelPublic:
    """Return a channel without its credentials."""
    return schemas.ChannelPublic(
        id=to_public("chan", channel.id),
        connector=channel.connector,
        name=channel.name,
        brand=channel.brand,
        address=channel.address,
        webhook_paths=[path.replace("{address}", channel.address) for path in webhook_paths],
        settings=channel.settings,
        credentials_set=list(credential_names),
        state=channel.state.value,
        reason_code=channel.reason_code,
        reason=channel.reason,
        pull_interval=channel.pull_interval,
        next_pull_at=channel.next_pull_at,
        last_pull_at=channel.last_pull_at,
        last_success_at=channel.last_success_at,
        failures=channel.failures,
        last_error=channel.last_error,
        credential_expires_at=channel.credential_expires_at,
        created_at=channel.created_at,
        revision=channel.revision,
    )


def to_record(record: Record) -> schemas.RecordPublic:
    """Return what is known about a record, without its bytes."""
    id_ = to_public("rec", record.id)
    return schemas.RecordPublic(
        id=id_,
        channel_id=to_public("chan", record.channel_id),
        external_id=record.external_id,
        version=record.version,
        content_type=record.content_type,
        state=record.state.value,
        reason_code=record.reason_code,
        reason=record.reason,
        pointer=record.pointer,
        case_id=_ref("case", record.case_id),
        job_id=_ref("job", record.job_id),
        received_at=record.received_at,
        applied_at=record.applied_at,
        payload_url=f"/v1/records/{id_}/payload",
    )


def to_event(event: Event) -> schemas.EventPublic:
    """Return an event that has its position."""
    subject_id = event.subject_id
    prefix = SUBJECTS[event.type]
    if event.type is EventType.CASE_CHANGED and subject_id is not None and subject_id != event.case_id:
        # Something about one message of the case changed: it was read, or deleted.
        prefix = "msg"
    return schemas.EventPublic(
        position=event.position or 0,
        type=event.type.value,
        channel_id=_ref("chan", event.channel_id),
        case_id=_ref("case", event.case_id),
        subject_id=_ref(prefix, subject_id),
        actor=event.actor,
        detail=event.detail,
        happened_at=event.happened_at,
    )


def to_job(job: Job) -> schemas.JobPublic:
    """Return a job."""
    record_id = job.counts.get("record_id")
    return schemas.JobPublic(
        id=to_public("job", job.id),
        kind=job.kind.value,
        channel_id=_ref("chan", job.channel_id),
        record_id=to_public("rec", UUID(record_id)) if record_id else None,
        state=job.state.value,
        wanted_by=job.wanted_by,
        counts={
            name: count for name, count in job.counts.items() if isinstance(count, int) and not isinstance(count, bool)
        },
        reason_code=job.reason_code,
        reason=job.reason,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
    )
