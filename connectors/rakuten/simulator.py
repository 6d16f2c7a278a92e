"""R-Messe in one process: its threads, its keys, its people, and the switches for what nobody knows."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from starlette.types import ASGIApp

from connectors.rakuten.client import API, authorization
from connectors.rakuten.simulated_data import fill
from connectors.rakuten.simulated_mall import SimulatedMall
from connectors.rakuten.simulated_thread import StoredFile, StoredReply, StoredThread
from connectors.rakuten.wire import JST
from gateway.sdk import Mark
from gateway.sdk.testing import (
    Fault,
    FaultKind,
    SimulatedClock,
    SimulatedFile,
    SimulatedThread,
    Simulator,
)

SHOP_ID = 377001
SERVICE_SECRET = "SP377001_aB3dE5fG7h"
LICENSE_KEY = "SL377001_Zy9Xw8Vu7Ts"
KEY_LIFETIME = timedelta(days=90)
FILE_LIFETIME = timedelta(days=90)
LETTERS = {"受注問い合わせ": "o", "商品問い合わせ": "i", "店舗問い合わせ": "t", "店舗からの問い合わせ": "m"}


@dataclass(slots=True, kw_only=True)
class Switches:
    """What the mall's documents leave open, and faults that last; each can be changed while the mall runs.

    The defaults are the specification's best guesses.
    """

    new_key_delay: timedelta = timedelta()  # how long a new key fails, 0 to 30 minutes
    disabled_functions: set[str] = field(default_factory=set)  # such as inquirymngapi.reply.post: 403
    allows_exactly_31_days: bool = True
    answers_empty_list_with_404: bool = False
    answers_page_past_end_with_404: bool = False
    refuses_21_numbers: bool = True
    refuses_repeated_text: bool = False  # 409 for the same text in one thread within a minute
    reply_sets_read: bool = False
    customer_reply_sets_unread: bool = True
    customer_reply_reopens: bool = False
    limits_rate: bool = False  # 429 when two calls start less than `rate_interval` apart
    rate_interval: timedelta = timedelta(seconds=1)
    retry_after: int | None = 1  # seconds that a 429 names, None for no header
    rate_limit_body: bytes = b'{"errors":[{"code":"GA0002","message":"Too many requests"}]}'
    upload_error_message: str | None = None  # a 201 that did not work
    adds_unknown_members: bool = False


class RakutenSimulator(Simulator):
    """The simulated shop ひだまり雑貨店 with its inbox."""

    key: ClassVar[str] = "rakuten"

    def __init__(self, clock: SimulatedClock | None = None, *, switches: Switches | None = None) -> None:
        super().__init__(clock)
        self.switches = switches or Switches()
        self.random = random.Random(SHOP_ID)
        self.shop_id = SHOP_ID
        self.service_secret = SERVICE_SECRET
        self.license_key = LICENSE_KEY
        self.key_issued_at = self.now()
        self.key_works_from = self.key_issued_at
        self.key_expires_at = self.key_issued_at + KEY_LIFETIME
        self.files: dict[str, StoredFile] = {}
        self._threads: dict[str, StoredThread] = {}
        # The list's order and filter is the opening alone; the counter keeps threads of one second apart.
        self._order: list[tuple[datetime, int, StoredThread]] = []
        self._count = 0
        self._mall = SimulatedMall(self)

    def now(self) -> datetime:
        """Return the mall's time, which has whole seconds."""
        return self.clock.now().replace(microsecond=0)

    # The mall's side

    def mall(self) -> ASGIApp:
        return self._mall.app

    def settings(self, base_url: str, *, address: str = "") -> dict[str, Any]:
        return {
            "service_secret": self.service_secret,
            "license_key": self.license_key,
            "base_url": f"{base_url.rstrip('/')}/es/1.0",
            # A mall that does not mind may be read at full speed.
            "request_interval": 1.1 if self.switches.limits_rate else 0,
        }

    def seed(self) -> None:
        fill(self)

    # The people's side

    def customer_writes(
        self,
        text: str,
        *,
        thread_id: str | None = None,
        files: Sequence[SimulatedFile] = (),
        order: str | None = None,
        at: datetime | None = None,
    ) -> str:
        if thread_id is not None:
            thread = self.stored(thread_id)
            self.add_reply(thread, text, is_from_shop=False, files=self.keep(files, at), at=at)
            if self.switches.customer_reply_sets_unread:
                thread.is_read = False
            if self.switches.customer_reply_reopens:
                thread.completed_at = None
            thread.changed()
            return thread_id
        item = {
            "item_url": "/hidamari-zakka/mug-blue/",
            "item_name": "波佐見焼マグカップ 藍色 350ml",
            "item_number": "mug-blue",
        }
        kind = ("受注問い合わせ", "その他") if order else ("商品問い合わせ", "商品詳細")
        return self.open_thread(
            text, type=kind[0], category=kind[1], order_number=order, files=self.keep(files, at), at=at, **item
        ).number

    def staff_writes(self, thread_id: str, text: str) -> None:
        thread = self.stored(thread_id)
        self.add_reply(thread, text, is_from_shop=True)
        # Who answers in the mall's own screen has opened the thread there.
        thread.is_read = True
        thread.changed()

    def staff_marks(self, thread_id: str, mark: Mark) -> None:
        thread = self.stored(thread_id)
        match mark:
            case Mark.READ:
                self.set_flag(thread, "read")
            case Mark.COMPLETED:
                self.set_flag(thread, "complete")
            case Mark.REOPENED:
                self.set_flag(thread, "incomplete")
            case _:
                raise ValueError(f"R-Messe has no flag {mark}")

    def customer_reads(self, thread_id: str) -> None:
        """The customer has seen all that the shop wrote."""
        thread = self.stored(thread_id)
        for reply in thread.replies:
            reply.is_read = reply.is_read or reply.is_from_shop
        thread.changed()

    def mall_deletes(self, thread_id: str, reply_id: int | None = None) -> None:
        """Rakuten deletes a reply, or the first message."""
        thread = self.stored(thread_id)
        if reply_id is None:
            thread.is_deleted = True
        else:
            next(reply for reply in thread.replies if reply.id == reply_id).is_deleted = True
        self._touch(thread, self.now())

    def threads(self) -> list[SimulatedThread]:
        return [thread.shown() for _, _, thread in self._order if thread.raw is None]

    def thread(self, external_id: str) -> SimulatedThread:
        return self.stored(external_id).shown()

    # Trouble

    def add_unreadable(self) -> None:
        """A row whose number is a number and whose message is a list."""
        at = self.now()
        raw = {
            "inquiryNumber": self._count,
            "shopId": self.shop_id,
            "message": ["？"],
            "regDate": "きのう",
            "replies": {},
        }
        self._insert(StoredThread(number="", shop_id=SHOP_ID, text="", opened_at=at, updated_at=at, type="", raw=raw))

    def expire_credentials(self) -> None:
        self.key_expires_at = self.now() - timedelta(seconds=1)

    def renew_credentials(self) -> dict[str, Any]:
        """Issue a new key in RMS: the old one fails at once, the new one after `switches.new_key_delay`."""
        self.license_key = f"SL{self.shop_id}_{self.random.randbytes(6).hex()}"
        self.key_issued_at = self.now()
        self.key_works_from = self.key_issued_at + self.switches.new_key_delay
        self.key_expires_at = self.key_issued_at + KEY_LIFETIME
        return {"license_key": self.license_key}

    def break_down(
        self, status: int = 500, *, body: Literal["json", "html", "empty"] = "json", operation: str = "", times: int = 1
    ) -> None:
        """Answer the next `times` requests of `operation` with `status`, without handling them."""
        content_type, text = {
            "json": ("application/json;charset=UTF-8", b'{"error":{"code":"IE999","message":"Internal Server Error"}}'),
            "html": ("text/html", "<html><body>ただいまメンテナンス中です</body></html>".encode()),
            "empty": ("text/plain", b""),
        }[body]
        self.faults.add(
            Fault(
                kind=FaultKind.ANSWER,
                operation=operation,
                times=times,
                status=status,
                body=text,
                headers={"content-type": content_type},
            )
        )

    def break_reply(self, kind: FaultKind, *, times: int = 1) -> None:
        """Let the next replies meet `kind`: `CUT_AFTER` stores and then cuts, `ANSWER_AFTER` stores and answers 500."""
        self.faults.add(Fault(kind=kind, operation=f"POST /es/1.0{API}/inquiry/reply", times=times))

    # What the wire does

    def is_authorised(self, header: str) -> bool:
        """Whether `header` holds the secret and the key that work now."""
        is_known = header == authorization(self.service_secret, self.license_key)
        return is_known and self.key_works_from <= self.now() <= self.key_expires_at

    def stored(self, number: str) -> StoredThread:
        """Return one thread; KeyError if there is none."""
        return self._threads[number]

    def opened_between(self, start: datetime, end: datetime) -> Sequence[tuple[datetime, int, StoredThread]]:
        """Return what was opened from `start` to `end`, both included, oldest first."""
        low = bisect_left(self._order, start, key=lambda entry: entry[0])
        high = bisect_right(self._order, end, key=lambda entry: entry[0])
        return self._order[low:high]

    def open_thread(self, text: str, *, type: str, at: datetime | None = None, **fields: Any) -> StoredThread:
        """Store a new thread of any type with any further members."""
        at = (at or self.now()).replace(microsecond=0)
        number = f"{self.shop_id}-{at.astimezone(JST):%Y%m%d}-{49600000 + self._count}{LETTERS.get(type, 'x')}"
        customer = {"user_name": "佐倉 美晴", "mask_email": f"{self.random.randbytes(8).hex()}s2@pc.fw.rakuten.ne.jp"}
        thread = StoredThread(
            number=number,
            shop_id=self.shop_id,
            text=text,
            opened_at=at,
            type=type,
            **{"updated_at": at, **customer, **fields},
        )
        self._threads[number] = thread
        self._insert(thread)
        return thread

    def add_reply(
        self,
        thread: StoredThread,
        text: str,
        *,
        is_from_shop: bool,
        files: tuple[StoredFile, ...] = (),
        at: datetime | None = None,
    ) -> StoredReply:
        """Append a message with the next id."""
        at = (at or self.now()).replace(microsecond=0)
        reply = StoredReply(id=len(thread.replies), text=text, at=at, is_from_shop=is_from_shop, files=files)
        thread.replies.append(reply)
        self._touch(thread, at)
        return reply

    def set_flag(self, thread: StoredThread, action: str) -> bool:
        """Set a flag by the name of its operation; False if it was set already."""
        if action == "read":
            is_change = not thread.is_read
            thread.is_read = True
            thread.changed()
        else:
            is_change = (thread.completed_at is None) == (action == "complete")
            if is_change:
                thread.completed_at = self.now() if action == "complete" else None
                self._touch(thread, self.now())
        return is_change

    def keep(self, files: Sequence[SimulatedFile], at: datetime | None = None) -> tuple[StoredFile, ...]:
        """Store files and return them with their paths."""
        at = (at or self.now()).replace(microsecond=0)
        local = at.astimezone(JST)
        kept = []
        for file in files:
            path = f"{local:%Y/%m/%d}/{self.shop_id}/{local:%H%M%S}_{self.random.randbytes(16).hex()}"
            self.files[path] = StoredFile(path=path, file=file, stored_at=at)
            kept.append(self.files[path])
        return tuple(kept)

    def find_file(self, path: str) -> StoredFile | None:
        """Return a file that is there and not older than 90 days."""
        stored = self.files.get(path)
        return stored if stored and self.now() - stored.stored_at <= FILE_LIFETIME else None

    def _touch(self, thread: StoredThread, at: datetime) -> None:
        # A change shows as a newer date even while the clock stands still.
        thread.updated_at = max(at, thread.updated_at + timedelta(seconds=1))
        thread.changed()

    def _insert(self, thread: StoredThread) -> None:
        self._count += 1
        insort(self._order, (thread.opened_at, self._count, thread), key=lambda entry: entry[:2])


simulator = RakutenSimulator
