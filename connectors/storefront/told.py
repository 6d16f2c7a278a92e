"""What the shop was last told about the status of a thread."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.sdk import Memo


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A status that the shop has to hear of, under an id that stays the same until the status changes again."""

    external_id: str
    status: str
    changed_at: datetime

    @property
    def event_id(self) -> str:
        """The time in it tells a second closing apart from the first."""
        text = f"{self.external_id}\n{self.status}\n{self.changed_at.isoformat()}"
        return f"evt_{hashlib.sha256(text.encode()).hexdigest()[:40]}"


@dataclass(frozen=True, slots=True)
class ToldStatuses:
    """The statuses that were told, so that repeating a mark is no second event."""

    memo: Memo
    period: timedelta

    async def begin(self, external_id: str, status: str, now: datetime) -> StatusChange | None:
        """Return the change to tell, None if the shop has confirmed it before."""
        known: dict[str, Any] = json.loads(await self.memo.recall(_key(external_id)) or b"{}")
        if known.get("status") == status:
            change = StatusChange(external_id, status, datetime.fromisoformat(known["changed_at"]))
            return None if known["is_told"] else change
        change = StatusChange(external_id, status, now)
        await self._keep(change, is_told=False)
        return change

    async def finish(self, change: StatusChange) -> None:
        """The shop has confirmed the change."""
        await self._keep(change, is_told=True)

    async def forget(self, external_id: str) -> None:
        """The shop's side has moved, so what it was told says nothing about it any more."""
        await self.memo.forget(_key(external_id))

    async def _keep(self, change: StatusChange, *, is_told: bool) -> None:
        known = {"status": change.status, "changed_at": change.changed_at.isoformat(), "is_told": is_told}
        await self.memo.replace(_key(change.external_id), json.dumps(known).encode(), ttl=self.period)


def _key(external_id: str) -> str:
    return f"status:{hashlib.sha256(external_id.encode()).hexdigest()}"
