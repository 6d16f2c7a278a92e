"""What an agent changes about a case."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict
from uuid import UUID

from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.casework.actions import limits_of
from gateway.casework.caller import Caller, get_case
from gateway.casework.marks import queue_mark
from gateway.model import Case, CaseStatus, Cause, MarkState
from gateway.model.errors import InvalidError, Problem, StaleError
from gateway.runtime import Runtime
from gateway.sdk import Kind, Mark, Moment, Text
from gateway.store import channels, marks
from gateway.store.events import record_case_change


class CaseChange(TypedDict, total=False):
    """What is to change; what is not mentioned stays."""

    status: CaseStatus
    hold_reason: str | None
    kind: Kind
    moment: Moment
    cause: Cause | None


async def update(
    db: AsyncSession,
    runtime: Runtime,
    caller: Caller,
    case_id: UUID,
    change: CaseChange,
    now: datetime,
    *,
    revision: int | None,
) -> Case:
    """Change a case that still has `revision` (None: whatever it has); tell the mall if it is done or open again.

    Raises:
        StaleError: it has changed since. InvalidError: the members do not fit each other.
    """
    case = await get_case(db, caller, case_id, for_update=True)
    if revision is not None and revision != case.revision:
        raise StaleError(case.revision)
    was = case.status
    _check(case, change)
    changed = [name for name, value in change.items() if getattr(case, name) != value]
    for name in changed:
        setattr(case, name, change[name])  # type: ignore[literal-required]
    if case.status is not CaseStatus.ON_HOLD:
        case.hold_reason = None
    if not changed:
        return case
    case.touch(now)
    db.add(case)
    await db.flush()
    record_case_change(db, case, was, actor=caller.name, now=now, changed=changed)
    if (was is CaseStatus.SOLVED) is not (case.status is CaseStatus.SOLVED):
        await _tell_mall(db, runtime, caller, case, now)
    return case


def _check(case: Case, change: CaseChange) -> None:
    status = change.get("status", case.status)
    problems = []
    if status is CaseStatus.NEW and case.status is not CaseStatus.NEW:
        message = Text(ja="一度対応した案件は未対応に戻せません。", en="A case that was looked at is not new again.")
        problems.append(Problem(code="status_not_settable", pointer="/status", message=message))
    hold_reason = change.get("hold_reason", case.hold_reason)
    if status is CaseStatus.ON_HOLD and not (hold_reason or "").strip():
        message = Text(ja="保留には理由が必要です。", en="A case on hold needs a reason.")
        problems.append(Problem(code="hold_reason_missing", pointer="/hold_reason", message=message))
    if status is not CaseStatus.ON_HOLD and change.get("hold_reason") is not None:
        message = Text(ja="保留の理由は保留の案件だけに付けられます。", en="Only a case on hold has a hold reason.")
        problems.append(Problem(code="hold_reason_without_hold", pointer="/hold_reason", message=message))
    if change.get("cause") is not None and status is not CaseStatus.SOLVED:
        message = Text(
            ja="原因は対応完了の案件だけに付けられます。", en="The cause is set when a case is solved, not before."
        )
        problems.append(Problem(code="cause_without_solved", pointer="/cause", message=message))
    if problems:
        text = Text(ja="この変更はできません。", en="The case cannot be changed like this.")
        raise InvalidError("invalid_case_change", text, problems)


async def _tell_mall(db: AsyncSession, runtime: Runtime, caller: Caller, case: Case, now: datetime) -> None:
    limits = await limits_of(runtime, await channels.get_channel(db, case.channel_id))
    if isinstance(limits, Text):
        return
    if case.status is CaseStatus.SOLVED:
        if Mark.COMPLETED in limits.marks and not case.mall_is_completed:
            await queue_mark(db, caller, case, Mark.COMPLETED, now)
        return
    # A completion that still waits here would reach the mall after the case was opened again.
    waits = any(
        mark.mark is Mark.COMPLETED and mark.state is MarkState.QUEUED for mark in await marks.list_marks(db, case.id)
    )
    if Mark.REOPENED in limits.marks and (case.mall_is_completed or waits):
        await queue_mark(db, caller, case, Mark.REOPENED, now)
    elif waits:
        await marks.withdraw(db, case.id, Mark.COMPLETED, now)
