"""Tables and their rules. No I/O happens here."""

from gateway.model.case import Case, CaseStatus, Cause, Reference
from gateway.model.channel import Channel, ChannelState
from gateway.model.event import Event, EventType
from gateway.model.job import Job, JobKind, JobState
from gateway.model.lending import MemoEntry, RequestBudget
from gateway.model.mark import MarkState, ThreadMark
from gateway.model.message import Attachment, AttachmentState, Direction, Message, Note
from gateway.model.record import Record, RecordState
from gateway.model.reply import BLOCKING, SETTLED, Attempt, Outcome, Reply, ReplyStatus
from gateway.model.token import IdempotencyKey, Scope, Token

__all__ = [
    "BLOCKING",
    "SETTLED",
    "Attachment",
    "AttachmentState",
    "Attempt",
    "Case",
    "CaseStatus",
    "Cause",
    "Channel",
    "ChannelState",
    "Direction",
    "Event",
    "EventType",
    "IdempotencyKey",
    "Job",
    "JobKind",
    "JobState",
    "MarkState",
    "MemoEntry",
    "Message",
    "Note",
    "Outcome",
    "Record",
    "RecordState",
    "Reference",
    "Reply",
    "ReplyStatus",
    "RequestBudget",
    "Scope",
    "ThreadMark",
    "Token",
]
