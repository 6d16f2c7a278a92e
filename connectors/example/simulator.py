"""Example Market in one process."""
# ruff: noqa: N815 - the names are the market's

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, Response, UploadFile
from pydantic import BaseModel
from starlette.types import ASGIApp

from connectors.example.wire import WireReply
from gateway.sdk import AuthorRole, MallFlags, Mark
from gateway.sdk.testing import SimulatedClock, SimulatedFile, SimulatedMessage, SimulatedThread, Simulator

ROLES = {"buyer": AuthorRole.CUSTOMER, "shop": AuthorRole.SHOP, "market": AuthorRole.MALL}
FLAGS = {Mark.READ: ("isRead", True), Mark.COMPLETED: ("isCompleted", True), Mark.REOPENED: ("isCompleted", False)}
MAX_CHARS = 1000
MAX_FILES = 2
MAX_PAGE_SIZE = 50
MAX_IDS = 20


class ExampleSimulator(Simulator):
    """The market: its API (`mall`), and what its people do."""

    key = "example"

    def __init__(self, clock: SimulatedClock | None = None) -> None:
        super().__init__(clock)
        self.api_key = "em-simulated-key-1"
        self.key_expires_at = self.clock.now() + timedelta(days=180)
        self.inquiries: dict[str, dict[str, Any]] = {}
        self.files: dict[str, SimulatedFile] = {}
        self._serial = 0

    def settings(self, base_url: str, *, address: str = "") -> dict[str, Any]:
        return {"api_key": self.api_key, "base_url": base_url, "request_interval": 0}

    def seed(self) -> None:
        now = self.clock.now()
        ask = self.customer_writes
        asked = ask("この帽子のMサイズは入荷しますか？", at=now - timedelta(hours=3))
        self._say(asked, "market", "お問い合わせを店舗へ送りました。", now - timedelta(hours=3))
        broken = SimulatedFile(name="割れ.png", content_type="image/png", content=b"\x89PNG\r\n\x1a\n invented")
        ask("届いたお皿が割れていました。", order="EM-1001", files=[broken], at=now - timedelta(days=1))
        old = ask("修理はできますか？\r\n😀 急ぎません。", order="EM-0900", at=now - timedelta(days=200))
        self._say(old, "shop", "はい、承ります。", now - timedelta(days=199))
        ask("では、お願いします。", thread_id=old, at=now - timedelta(minutes=5))

    def customer_writes(
        self,
        text: str,
        *,
        thread_id: str | None = None,
        files: Sequence[SimulatedFile] = (),
        order: str | None = None,
        at: datetime | None = None,
    ) -> str:
        at = at or self.clock.now()
        inquiry_id = thread_id or self._open(order, at)
        self._say(inquiry_id, "buyer", text, at, [self._keep(file) for file in files])
        self._change(inquiry_id, at, isRead=False)
        return inquiry_id

    def staff_writes(self, thread_id: str, text: str) -> None:
        self._say(thread_id, "shop", text, self.clock.now())

    def staff_marks(self, thread_id: str, mark: Mark) -> None:
        flag, value = FLAGS[mark]
        self._change(thread_id, self.clock.now(), **{flag: value})

    def threads(self) -> list[SimulatedThread]:
        return [
            SimulatedThread(
                external_id=inquiry["inquiryId"],
                messages=tuple(
                    SimulatedMessage(
                        author_role=ROLES[message["writer"]],
                        text=message["body"],
                        sent_at=datetime.fromisoformat(message["sentAt"]),
                        files=tuple(self.files[file["fileId"]] for file in message["files"]),
                    )
                    for message in inquiry["messages"]
                ),
                flags=MallFlags(is_read=inquiry["isRead"], is_completed=inquiry["isCompleted"]),
            )
            for inquiry in self.inquiries.values()
            if "messages" in inquiry
        ]

    def add_unreadable(self) -> None:
        # A row without an id and with a time that only the list understands.
        self.inquiries[self._next("broken")] = {"updatedAt": self.clock.now().isoformat(), "revision": "?"}

    def expire_credentials(self) -> None:
        self.key_expires_at = self.clock.now()

    def renew_credentials(self) -> dict[str, Any]:
        self.api_key = self._next("em-simulated-key")
        self.key_expires_at = self.clock.now() + timedelta(days=180)
        return {"api_key": self.api_key}

    def mall(self) -> ASGIApp:
        app = FastAPI(dependencies=[Depends(self._let_in)], openapi_url=None)

        @app.get("/shop")
        async def get_shop() -> dict[str, Any]:
            return {"shopName": "ひだまり雑貨店", "keyExpiresAt": self.key_expires_at}

        @app.get("/inquiries")
        async def list_inquiries(asked: Annotated[_Listing, Query()]) -> dict[str, Any]:
            rows = [row for row in self.inquiries.values() if asked.holds(datetime.fromisoformat(row["updatedAt"]))]
            rows.sort(key=lambda row: str(row["updatedAt"]), reverse=True)
            first = (asked.page - 1) * asked.pageSize
            names = ("inquiryId", "revision", "updatedAt")
            shown = [{n: row[n] for n in names if n in row} for row in rows[first : first + asked.pageSize]]
            return {"total": len(rows), "inquiries": shown}

        @app.get("/inquiries/{inquiry_id}")
        async def get_inquiry(inquiry_id: str) -> dict[str, Any]:
            return self._find(inquiry_id)

        @app.post("/inquiries/{inquiry_id}/messages", status_code=201)
        async def post_message(inquiry_id: str, said: WireReply) -> dict[str, Any]:
            self._find(inquiry_id)
            if not 0 < len(said.body) <= MAX_CHARS or len(said.fileIds) > MAX_FILES:
                raise HTTPException(400, "the message breaks a rule of the market")
            if not self.files.keys() >= set(said.fileIds):
                raise HTTPException(400, "a file is not known")
            return self._say(inquiry_id, "shop", said.body, self.clock.now(), said.fileIds)

        @app.post("/files", status_code=201)
        async def post_file(file: UploadFile) -> dict[str, Any]:
            name, kind = file.filename or "", file.content_type or ""
            return {"fileId": self._keep(SimulatedFile(name=name, content_type=kind, content=await file.read()))}

        @app.get("/files/{file_id}")
        async def get_file(file_id: str) -> Response:
            if file_id not in self.files:
                raise HTTPException(404, "no such file")
            return Response(self.files[file_id].content, media_type=self.files[file_id].content_type)

        @app.put("/flags")
        async def put_flags(asked: _Flags) -> dict[str, Any]:
            if not 0 < len(asked.inquiryIds) <= MAX_IDS:
                raise HTTPException(400, f"1 to {MAX_IDS} inquiries")
            return {"results": [self._flag(one, asked.flag, asked.value) for one in asked.inquiryIds]}

        return app

    async def _let_in(self, request: Request, x_api_key: Annotated[str, Header()] = "") -> None:
        if x_api_key != self.api_key or self.clock.now() >= self.key_expires_at:
            raise HTTPException(401, "the key is unknown or has expired")

    def _find(self, inquiry_id: str) -> dict[str, Any]:
        if inquiry_id not in self.inquiries:
            raise HTTPException(404, "no such inquiry")
        return self.inquiries[inquiry_id]

    def _open(self, order: str | None, at: datetime) -> str:
        inquiry_id = self._next("em")
        self.inquiries[inquiry_id] = {
            "inquiryId": inquiry_id,
            "revision": 0,
            "subject": "ご注文について" if order else "商品について",
            "category": "return" if order else "item",
            "createdAt": at.isoformat(),
            "isRead": False,
            "isCompleted": False,
            "buyer": {"buyerId": "b-77", "nickname": "みかん"},
            "orderNumber": order,
            "itemCode": "HAT-M",
            "messages": [],
        }
        return inquiry_id

    def _say(
        self, inquiry_id: str, writer: str, body: str, at: datetime, file_ids: Sequence[str] = ()
    ) -> dict[str, Any]:
        held = ((file_id, self.files[file_id]) for file_id in file_ids)
        files = [
            {"fileId": file_id, "name": file.name, "contentType": file.content_type, "size": len(file.content)}
            for file_id, file in held
        ]
        message = {
            "messageId": self._next("m"),
            "writer": writer,
            "body": body,
            "sentAt": at.isoformat(),
            "files": files,
        }
        self.inquiries[inquiry_id]["messages"].append(message)
        self._change(inquiry_id, at)
        return {"messageId": message["messageId"], "sentAt": message["sentAt"]}

    def _change(self, inquiry_id: str, at: datetime, **flags: bool) -> None:
        inquiry = self.inquiries[inquiry_id]
        inquiry.update(flags, revision=inquiry["revision"] + 1, updatedAt=at.isoformat())

    def _flag(self, inquiry_id: str, flag: str, value: bool) -> dict[str, Any]:
        if inquiry_id not in self.inquiries:
            return {"inquiryId": inquiry_id, "ok": False, "reason": "no such inquiry"}
        self._change(inquiry_id, self.clock.now(), **{flag: value})
        return {"inquiryId": inquiry_id, "ok": True, "reason": ""}

    def _keep(self, file: SimulatedFile) -> str:
        file_id = self._next("f")
        self.files[file_id] = file
        return file_id

    def _next(self, prefix: str) -> str:
        self._serial += 1
        return f"{prefix}-{self._serial}"


class _Listing(BaseModel):
    updatedFrom: datetime
    updatedTo: datetime
    page: int = 1
    pageSize: int = MAX_PAGE_SIZE

    def holds(self, at: datetime) -> bool:
        return self.updatedFrom <= at <= self.updatedTo


class _Flags(BaseModel):
    flag: str
    value: bool
    inquiryIds: list[str]


simulator = ExampleSimulator
