"""Time from the commit of a reply to its arrival at the mall, beside a bare POST of the same body."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Mapping, Sequence
from uuid import UUID

import httpx
from sqlmodel import col, select

from benchmarks.ingest import pull_all
from benchmarks.mall import running_mall
from benchmarks.report import Row
from benchmarks.sizes import Sizes
from benchmarks.stage import Stage, add_channels
from connectors.rakuten.client import API, authorization
from connectors.rakuten.simulator import LICENSE_KEY, SERVICE_SECRET, SHOP_ID
from gateway import wake
from gateway.model import Case, Reply
from gateway.runtime import Runtime
from gateway.sdk import fingerprint
from gateway.store import cases, replies

# Replies that only warm up the worker: it loads connectors and opens connections with the first ones.
WARM_UP = 10
LONGEST_WAIT_SECONDS = 60


async def run(stage: Stage, sizes: Sizes) -> list[Row]:
    """Submit replies on different cases to a worker process, and in turns POST the same bodies ourselves."""
    url = stage.create_database("delivery")
    count = WARM_UP + sizes.replies
    with running_mall(count) as mall:
        async with stage.runtime(url) as runtime, _bare_client(mall) as bare:
            (channel_id,) = await add_channels(runtime, mall)
            await pull_all(runtime, channel_id)
            async with runtime.database.session() as db:
                held = (await db.exec(select(Case).where(Case.channel_id == channel_id).order_by(col(Case.id)))).all()
            committed: dict[str, float] = {}
            posted: dict[str, float] = {}
            with stage.worker(url):
                for number, case in enumerate(held):
                    text = f"お問い合わせありがとうございます。本日中に確認してご連絡いたします。受付番号 {number:05d}"
                    committed[text] = await _submit(runtime, case.id, text)
                    await _arrived(mall, {text}) if number < WARM_UP else await asyncio.sleep(sizes.reply_pause)
                    bare_text = f"{text} "
                    posted[bare_text] = time.monotonic()
                    await _post(bare, case.external_id, bare_text)
                arrivals = await _arrived(mall, {*committed, *posted})
    ways = _ways(arrivals, committed)
    bare_ways = _ways(arrivals, posted)
    return [
        Row("Commit of a reply to its arrival, p50", f"{_milliseconds(ways, 50)}", "under 50 ms"),
        Row("Commit of a reply to its arrival, p99", f"{_milliseconds(ways, 99)}", "under 250 ms"),
        Row("A bare POST of the same body, p50", f"{_milliseconds(bare_ways, 50)}"),
        Row("Ratio of the two, p50", f"{statistics.median(ways) / statistics.median(bare_ways):.1f}"),
    ]


async def _submit(runtime: Runtime, case_id: UUID, text: str) -> float:
    """Put a reply into the outbox with its job, as an agent's submission does; return when it was committed."""
    now = runtime.clock()
    async with runtime.database.session() as db:
        case = await cases.get_case(db, case_id, for_update=True)
        reply = Reply(
            case_id=case.id,
            channel_id=case.channel_id,
            position=await replies.next_position(db, case.id),
            text=text,
            fingerprint=fingerprint(text),
            author="agent",
            base_revision=case.revision,
            created_at=now,
            updated_at=now,
        )
        reply.submit(now)
        db.add(reply)
        await wake.wake_delivery(db, reply)
        await db.commit()
        return time.monotonic()


def _bare_client(mall: str) -> httpx.AsyncClient:
    """Return a client that stays connected: nothing that speaks HTTP from Python is faster."""
    return httpx.AsyncClient(
        base_url=f"{mall}/es/1.0",
        headers={
            "Authorization": authorization(SERVICE_SECRET, LICENSE_KEY),
            "Content-Type": "application/json; charset=utf-8",
        },
        trust_env=False,
    )


async def _post(client: httpx.AsyncClient, thread_id: str, text: str) -> None:
    body = {"inquiryNumber": thread_id, "shopId": str(SHOP_ID), "message": text}
    (await client.post(f"{API}/inquiry/reply", json=body)).raise_for_status()


async def _arrived(mall: str, texts: set[str]) -> Mapping[str, float]:
    """Wait until all of `texts` are at the mall; return when each came."""
    end = time.monotonic() + LONGEST_WAIT_SECONDS
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            seen: dict[str, float] = (await client.get(f"{mall}/_benchmark/arrivals")).json()
            if texts <= seen.keys():
                return seen
            if time.monotonic() > end:
                raise RuntimeError(f"{len(texts - seen.keys())} replies did not reach the mall")
            await asyncio.sleep(0.05)


def _ways(arrivals: Mapping[str, float], left: Mapping[str, float]) -> list[float]:
    return [arrivals[text] - at for text, at in list(left.items())[WARM_UP:]]


def _milliseconds(ways: Sequence[float], percent: int) -> str:
    return f"{statistics.quantiles(ways, n=100, method='inclusive')[percent - 1] * 1000:.1f} ms"
