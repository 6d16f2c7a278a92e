"""Acme Classifieds in one process."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import FastAPI, Header, HTTPException
from starlette.types import ASGIApp

from gateway.sdk import AuthorRole
from gateway.sdk.testing import SimulatedClock, SimulatedFile, SimulatedMessage, SimulatedThread, Simulator

TOKEN = "acme-simulated-token"
PAGE_SIZE = 20


class AcmeSimulator(Simulator):
    """A feed whose place is the number of the last change."""

    key = "acme"

    def __init__(self, clock: SimulatedClock | None = None) -> None:
        super().__init__(clock)
        self._threads: dict[str, dict[str, Any]] = {}
        self._changes = 0

    def mall(self) -> ASGIApp:
        app = FastAPI(openapi_url=None)

        @app.get("/feed")
        async def feed(after: int, authorization: Annotated[str, Header()] = "") -> dict[str, Any]:
            if authorization != f"Bearer {TOKEN}":
                raise HTTPException(401, "who are you?")
            changed = [thread for thread in self._threads.values() if thread["changed"] > after]
            changed.sort(key=lambda thread: thread["changed"])
            page = changed[:PAGE_SIZE]
            following = page[-1]["changed"] if page else after
            return {"threads": page, "next": following, "has_more": len(changed) > PAGE_SIZE}

        return app

    def settings(self, base_url: str, *, address: str = "") -> dict[str, Any]:
        return {"base_url": base_url, "access_token": TOKEN}

    def seed(self) -> None:
        now = self.clock.now()
        self.customer_writes("自転車はまだありますか？", at=now - timedelta(days=2))
        old = self.customer_writes("配送できますか？", at=now - timedelta(days=200))
        self.customer_writes("いかがでしょうか。", thread_id=old)

    def customer_writes(
        self,
        text: str,
        *,
        thread_id: str | None = None,
        files: Sequence[SimulatedFile] = (),
        order: str | None = None,
        at: datetime | None = None,
    ) -> str:
        thread_id = thread_id or f"ad-{len(self._threads) + 1}"
        self._threads.setdefault(thread_id, {"id": thread_id, "title": "広告について", "posts": []})
        self._post(thread_id, text, at or self.clock.now(), by_shop=False)
        return thread_id

    def staff_writes(self, thread_id: str, text: str) -> None:
        self._post(thread_id, text, self.clock.now(), by_shop=True)

    def threads(self) -> list[SimulatedThread]:
        return [
            SimulatedThread(
                external_id=thread["id"],
                messages=tuple(
                    SimulatedMessage(
                        author_role=AuthorRole.SHOP if post["by_shop"] else AuthorRole.CUSTOMER,
                        text=post["text"],
                        sent_at=datetime.fromisoformat(post["at"]),
                    )
                    for post in thread["posts"]
                ),
            )
            for thread in self._threads.values()
            if thread["posts"]
        ]

    def add_unreadable(self) -> None:
        self._changes += 1
        self._threads["broken"] = {"title": None, "posts": [], "changed": self._changes}

    def _post(self, thread_id: str, text: str, at: datetime, *, by_shop: bool) -> None:
        self._changes += 1
        thread = self._threads[thread_id]
        number = len(thread["posts"]) + 1
        thread["posts"].append({"number": number, "by_shop": by_shop, "text": text, "at": at.isoformat()})
        thread["changed"] = self._changes


simulator = AcmeSimulator
