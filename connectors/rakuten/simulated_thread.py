"""A thread as the simulated mall stores it, and the row that it becomes on the wire."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.rakuten.wire import JST
from gateway.sdk import AuthorRole, MallFlags
from gateway.sdk.testing import SimulatedFile, SimulatedMessage, SimulatedThread


def to_wire_time(at: datetime) -> str:
    """Return `at` as answers show it: Japan time with its offset, whole seconds."""
    return at.astimezone(JST).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file behind a path, and since when it is there."""

    path: str
    file: SimulatedFile
    stored_at: datetime

    def row(self) -> dict[str, str]:
        return {"label": self.file.name, "path": self.path}


@dataclass(slots=True, kw_only=True)
class StoredReply:
    """A message behind the first one."""

    id: int
    text: str
    at: datetime
    is_from_shop: bool
    files: tuple[StoredFile, ...] = ()
    is_read: bool = False
    is_deleted: bool = False

    def row(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "message": "" if self.is_deleted else self.text,
            "regDate": to_wire_time(self.at),
            "replyFrom": "merchant" if self.is_from_shop else "user",
            "isRead": self.is_read,
            "isMessageDeleted": self.is_deleted,
            "attachments": [] if self.is_deleted else [file.row() for file in self.files],
        }


@dataclass(slots=True, kw_only=True)
class StoredThread:
    """One inquiry. `absent` names members that its row leaves out; `raw` replaces the row altogether."""

    number: str
    shop_id: int
    text: str
    opened_at: datetime
    updated_at: datetime
    type: str
    category: str = ""
    user_name: str | None = None
    mask_email: str | None = None
    item_url: str | None = None
    item_name: str | None = None
    item_number: str | None = None
    order_number: str | None = None
    gift_user_type: str | None = None
    is_read: bool = False
    completed_at: datetime | None = None
    is_deleted: bool = False
    files: tuple[StoredFile, ...] = ()
    replies: list[StoredReply] = field(default_factory=list)
    absent: frozenset[str] = frozenset()
    raw: Any = None
    _cached: bytes | None = None

    @property
    def is_from_shop(self) -> bool:
        """Whether the shop opened the thread."""
        return self.type == "店舗からの問い合わせ"

    @property
    def has_shop_reply(self) -> bool:
        """What `noMerchantReply` asks: whether the shop has replied at all, whoever wrote last."""
        return any(reply.is_from_shop for reply in self.replies)

    def changed(self) -> None:
        """Forget the serialised row; every change of the thread ends with this."""
        self._cached = None

    def to_json(self) -> bytes:
        """Return the row as JSON, serialised once per change."""
        if self._cached is None:
            self._cached = json.dumps(self.row(), ensure_ascii=False).encode()
        return self._cached

    def row(self) -> Any:
        """Return the row in the mall's order of members."""
        if self.raw is not None:
            return self.raw
        row = {
            "inquiryNumber": self.number,
            "shopId": self.shop_id,
            "userName": self.user_name,
            "userMaskEmail": self.mask_email,
            "message": "" if self.is_deleted else self.text,
            "regDate": to_wire_time(self.opened_at),
            "itemUrl": self.item_url,
            "itemName": self.item_name,
            "itemNumber": self.item_number,
            "isCompleted": self.completed_at is not None,
            "completedDate": to_wire_time(self.completed_at) if self.completed_at else None,
            "orderNumber": self.order_number,
            "readByMerchant": self.is_read,
            "attachments": [] if self.is_deleted else [file.row() for file in self.files],
            "replies": [reply.row() for reply in self.replies],
            "category": self.category,
            "type": self.type,
            "isMessageDeleted": self.is_deleted,
            "lastUpdateDate": to_wire_time(self.updated_at),
            "socialGiftUserType": self.gift_user_type,
        }
        return {name: value for name, value in row.items() if name not in self.absent}

    def shown(self) -> SimulatedThread:
        """Return the thread for people who look into the mall."""
        customer = AuthorRole.GIFT_RECIPIENT if self.gift_user_type == "受取人" else AuthorRole.CUSTOMER
        first = SimulatedMessage(
            author_role=AuthorRole.SHOP if self.is_from_shop else customer,
            text="" if self.is_deleted else self.text,
            sent_at=self.opened_at,
            files=tuple(one.file for one in self.files),
        )
        later = (
            SimulatedMessage(
                author_role=AuthorRole.SHOP if reply.is_from_shop else customer,
                text="" if reply.is_deleted else reply.text,
                sent_at=reply.at,
                files=tuple(one.file for one in reply.files),
            )
            for reply in self.replies
        )
        flags = MallFlags(is_read=self.is_read, is_completed=self.completed_at is not None)
        return SimulatedThread(external_id=self.number, messages=(first, *later), flags=flags)
