"""A case follows its thread: whose turn it is, and what the mall says beside it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.model import Case, CaseStatus
from gateway.sdk import AuthorRole, Customer, Inquiry, Kind, MallFlags, Message, Moment

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)


def _message(number: int, role: AuthorRole = AuthorRole.CUSTOMER, *, hours: float | None = None) -> Message:
    sent_at = NOW + timedelta(hours=number if hours is None else hours)
    return Message(external_id=f"m-{number}", author_role=role, sent_at=sent_at, text=f"{number}")


def _inquiry(*messages: Message, **facts: object) -> Inquiry:
    known = {"external_id": "t-1", "subject": "件名", "opened_at": NOW, "updated_at": NOW, "messages": messages}
    return Inquiry.model_validate({**known, **facts})


def _opened(*messages: Message, **facts: object) -> Case:
    inquiry = _inquiry(*messages, **facts)
    case = Case.open_for(uuid4(), inquiry, NOW)
    case.absorb(inquiry, list(messages), NOW, is_first=True)
    return case


@pytest.mark.parametrize(
    ("roles", "flags", "status"),
    [
        (["customer"], {}, CaseStatus.NEW),
        (["customer", "shop"], {}, CaseStatus.PENDING),
        (["customer", "shop", "customer"], {}, CaseStatus.NEW),
        (["shop"], {}, CaseStatus.PENDING),
        (["customer"], {"is_completed": True}, CaseStatus.SOLVED),
        (["customer", "mall"], {}, CaseStatus.NEW),
    ],
)
def test_the_history_of_a_thread_decides_its_first_status(
    roles: list[str], flags: dict[str, bool], status: CaseStatus
) -> None:
    case = _opened(*(_message(n, AuthorRole(role)) for n, role in enumerate(roles)), flags=MallFlags(**flags))

    assert case.status is status


@pytest.mark.parametrize("status", [CaseStatus.PENDING, CaseStatus.ON_HOLD, CaseStatus.SOLVED])
@pytest.mark.parametrize("role", [AuthorRole.CUSTOMER, AuthorRole.GIFT_RECIPIENT])
def test_a_customers_word_opens_the_case_again(status: CaseStatus, role: AuthorRole) -> None:
    case = _opened(_message(0))
    case.status, case.hold_reason = status, "在庫確認中"
    follow_up = _message(1, role)

    case.absorb(_inquiry(_message(0), follow_up), [follow_up], NOW, is_first=False)

    assert case.status is CaseStatus.OPEN
    assert case.hold_reason is None


def test_the_malls_own_notice_does_not_open_a_solved_case() -> None:
    case = _opened(_message(0))
    case.status = CaseStatus.SOLVED
    notice = _message(1, AuthorRole.MALL)

    case.absorb(_inquiry(_message(0), notice), [notice], NOW, is_first=False)

    assert case.status is CaseStatus.SOLVED


def test_the_shops_word_from_the_malls_own_screen_makes_it_the_customers_turn() -> None:
    case = _opened(_message(0))
    answer = _message(1, AuthorRole.SHOP)

    case.absorb(_inquiry(_message(0), answer), [answer], NOW, is_first=False)

    assert case.status is CaseStatus.PENDING


def test_a_late_answer_that_is_older_than_the_customers_word_changes_no_turn() -> None:
    case = _opened(_message(5))
    late = _message(1, AuthorRole.SHOP, hours=1)

    case.absorb(_inquiry(late, _message(5)), [late], NOW, is_first=False)

    assert case.status is CaseStatus.NEW


def test_the_malls_completion_is_kept_beside_the_status_and_not_mixed_into_it() -> None:
    case = _opened(_message(0))

    case.absorb(_inquiry(_message(0), flags=MallFlags(is_completed=True)), [], NOW, is_first=False)

    assert case.mall_is_completed is True
    assert case.status is CaseStatus.NEW


def test_the_same_facts_again_change_nothing() -> None:
    case = _opened(_message(0), customer=Customer(name="花子"), kind=Kind.DELIVERY, moment=Moment.AFTER)
    revision = case.revision

    changed = case.absorb(
        _inquiry(_message(0), customer=Customer(name="花子"), kind=Kind.DELIVERY, moment=Moment.AFTER),
        [],
        NOW,
        is_first=False,
    )

    assert not changed
    assert case.revision == revision


def test_what_a_partial_reading_leaves_out_is_not_forgotten() -> None:
    case = _opened(_message(0), customer=Customer(external_id="c-1", name="花子"), category="返品", context={"shop": 1})

    case.absorb(_inquiry(_message(0), context={"page": 2}), [], NOW, is_first=False)

    assert (case.customer_external_id, case.customer_name, case.category) == ("c-1", "花子", "返品")
    assert case.context == {"shop": 1, "page": 2}


def test_what_an_agent_decided_about_the_kind_is_not_undone_by_the_mall() -> None:
    case = _opened(_message(0), kind=Kind.PRODUCT)
    case.kind = Kind.CLAIM

    case.absorb(_inquiry(_message(0), kind=Kind.PRODUCT), [], NOW, is_first=False)

    assert case.kind is Kind.CLAIM


def test_an_inquiry_that_the_customer_takes_back_is_solved() -> None:
    case = _opened(_message(0))

    case.absorb(_inquiry(_message(0), is_withdrawn=True), [], NOW, is_first=False)

    assert (case.is_withdrawn, case.status) == (True, CaseStatus.SOLVED)


def test_a_sent_reply_makes_it_the_customers_turn_unless_they_have_written_since() -> None:
    quiet, busy = _opened(_message(0)), _opened(_message(0), _message(3))

    quiet.note_sent(NOW + timedelta(hours=1), NOW)
    busy.note_sent(NOW + timedelta(hours=1), NOW)

    assert quiet.status is CaseStatus.PENDING
    assert busy.status is CaseStatus.NEW


def test_a_reply_that_failed_opens_the_case() -> None:
    case = _opened(_message(0), _message(1, AuthorRole.SHOP))

    case.note_not_sent(NOW)

    assert case.status is CaseStatus.OPEN


@given(st.lists(st.sampled_from(list(AuthorRole)), min_size=1, max_size=8), st.randoms())
def test_the_order_in_which_a_mall_lists_messages_does_not_matter(roles: list[AuthorRole], random: object) -> None:
    messages = [_message(n, role) for n, role in enumerate(roles)]
    shuffled = list(messages)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert _facts(_opened(*messages)) == _facts(_opened(*shuffled))


def _facts(case: Case) -> tuple[object, ...]:
    return case.status, case.last_message_at, case.last_inbound_at, case.last_outbound_at
