"""The reply's states: only the moves that are drawn, and every move leaves its reason."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import SETTLED, Reply, ReplyStatus
from gateway.model.errors import ConflictError
from gateway.sdk import Text

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
WHY = Text(ja="理由", en="reason")
LEASE = timedelta(minutes=2)

# product.md, section 5; a late echo may also show that a reply had arrived which was queued again, given up or doubted.
DRAWN = {
    (ReplyStatus.DRAFT, ReplyStatus.QUEUED),
    (ReplyStatus.DRAFT, ReplyStatus.CANCELLED),
    (ReplyStatus.QUEUED, ReplyStatus.SENDING),
    (ReplyStatus.QUEUED, ReplyStatus.CANCELLED),
    (ReplyStatus.QUEUED, ReplyStatus.FAILED),
    (ReplyStatus.QUEUED, ReplyStatus.SENT),
    (ReplyStatus.SENDING, ReplyStatus.SENT),
    (ReplyStatus.SENDING, ReplyStatus.REJECTED),
    (ReplyStatus.SENDING, ReplyStatus.QUEUED),
    (ReplyStatus.SENDING, ReplyStatus.UNKNOWN),
    (ReplyStatus.SENDING, ReplyStatus.FAILED),
    (ReplyStatus.UNKNOWN, ReplyStatus.SENT),
    (ReplyStatus.UNKNOWN, ReplyStatus.QUEUED),
    (ReplyStatus.UNKNOWN, ReplyStatus.NEEDS_PERSON),
    (ReplyStatus.UNKNOWN, ReplyStatus.FAILED),
    (ReplyStatus.NEEDS_PERSON, ReplyStatus.SENT),
    (ReplyStatus.NEEDS_PERSON, ReplyStatus.QUEUED),
    (ReplyStatus.NEEDS_PERSON, ReplyStatus.FAILED),
    (ReplyStatus.FAILED, ReplyStatus.QUEUED),
    (ReplyStatus.FAILED, ReplyStatus.SENT),
}

MOVES: list[Callable[[Reply], object]] = [
    lambda reply: reply.submit(NOW),
    lambda reply: reply.take(NOW, LEASE),
    lambda reply: reply.confirm(NOW, sent_at=None, external_id=None),
    lambda reply: reply.postpone(NOW, NOW + LEASE, "busy", WHY, counts=True),
    lambda reply: reply.reject(NOW, "refused", WHY),
    lambda reply: reply.fail(NOW, "gave_up", WHY),
    lambda reply: reply.doubt(NOW, NOW + LEASE, "cut", WHY),
    lambda reply: reply.requeue(NOW, "absent", WHY),
    lambda reply: reply.ask_person(NOW, "unreadable", WHY),
    lambda reply: reply.cancel(NOW),
]


def _draft() -> Reply:
    return Reply(
        case_id=uuid4(),
        channel_id=uuid4(),
        position=1,
        text="本文",
        fingerprint="f",
        author="agent",
        base_revision=1,
        created_at=NOW,
        updated_at=NOW,
    )


@given(st.lists(st.sampled_from(MOVES), max_size=30))
def test_whatever_is_tried_only_drawn_moves_happen(moves: list[Callable[[Reply], object]]) -> None:
    reply = _draft()
    for move in moves:
        before, revision, fence = reply.status, reply.revision, reply.fence
        try:
            move(reply)
        except ConflictError:
            assert (reply.status, reply.revision, reply.fence) == (before, revision, fence)
            continue
        assert (before, reply.status) in DRAWN
        assert reply.revision > revision


@given(st.lists(st.sampled_from(MOVES), max_size=30))
def test_a_reply_that_waits_says_until_when_and_one_in_trouble_says_why(moves: list[Callable[[Reply], object]]) -> None:
    reply = _draft()
    for move in moves:
        try:
            move(reply)
        except ConflictError:
            continue
        if reply.status in {ReplyStatus.QUEUED, ReplyStatus.SENDING, ReplyStatus.UNKNOWN}:
            assert reply.due_at is not None
        if reply.status in {
            ReplyStatus.REJECTED,
            ReplyStatus.UNKNOWN,
            ReplyStatus.NEEDS_PERSON,
            ReplyStatus.FAILED,
        }:
            assert reply.reason_code
            assert reply.reason == {"ja": "理由", "en": "reason"}


def test_every_lease_has_a_higher_fencing_number() -> None:
    reply = _draft()
    reply.submit(NOW)

    first = reply.take(NOW, LEASE)
    reply.postpone(NOW, NOW, "busy", WHY, counts=False)
    second = reply.take(NOW, LEASE)

    assert second > first
    assert reply.due_at == NOW + LEASE


def test_a_sent_reply_stays_sent() -> None:
    reply = _draft()
    reply.submit(NOW)
    reply.take(NOW, LEASE)
    reply.confirm(NOW, sent_at=None, external_id="m-1")

    for move in MOVES:
        with pytest.raises(ConflictError):
            move(reply)
    assert reply.is_settled
    assert reply.status in SETTLED
