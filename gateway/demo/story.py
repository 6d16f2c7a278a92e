"""The story of the demo: every promise that it shows is checked, and one that does not hold ends it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from gateway.demo.malls import Mall
from gateway.demo.promise import BrokenPromiseError
from gateway.demo.screen import Screen
from gateway.sdk import fingerprint
from gateway.sdk.testing import Fault, FaultKind

T = TypeVar("T")

PATIENCE_SECONDS = 40
LOOK_EVERY_SECONDS = 0.1

ANSWER = "お問い合わせありがとうございます。\n担当の者が確認し、本日中にあらためてご連絡いたします。"
SECOND_ANSWER = "先ほどの件の続きです。\n在庫を確認いたしました。ご希望のとおり手配いたします。"


@dataclass(frozen=True, slots=True)
class Answered:
    """A case that was answered: its thread, what became of the reply, and how the gateway posted it at the mall."""

    mall: Mall
    case_id: str
    thread_id: str
    reply: dict[str, Any]
    operation: str


async def tell(malls: Sequence[Mall], api: httpx.AsyncClient, screen: Screen) -> None:
    """Play the story: inquiries come in, are answered, and one answer meets a cut line.

    Raises:
        BrokenPromiseError: what should have happened did not.
    """
    screen.begin("チャネルを追加します", "Adding a channel for each simulated mall")
    channels = {mall.key: await _add_channel(api, mall) for mall in malls}
    screen.show_channels(malls, channels)
    screen.begin("問い合わせを取り込みます", "Reading every mall, old threads included")
    for mall in malls:
        screen.show_cases(mall, await _read(api, mall, channels[mall.key]["id"]))
    screen.begin("チャネルごとに1件、REST API で返信します", "Answering one case per channel through the REST API")
    answered = []
    for mall in malls:
        answered.append(await _answer(api, mall, channels[mall.key]["id"]))
        screen.show_answer(mall, answered[-1].reply, mall.simulator.thread(answered[-1].thread_id))
    screen.begin("返信の途中で回線を切ります", "Cutting the line in the middle of an answer")
    await _cut_the_line(api, screen, _readable(answered))


async def _add_channel(api: httpx.AsyncClient, mall: Mall) -> dict[str, Any]:
    settings = mall.simulator.settings(mall.url, address=mall.address)
    wish = {"connector": mall.key, "name": mall.name.ja, "address": mall.address, "settings": settings}
    return await _call(api, "POST", "/v1/channels", json=wish)


async def _read(api: httpx.AsyncClient, mall: Mall, channel_id: str) -> list[dict[str, Any]]:
    """Wait until every thread of the mall is a case, and return the cases."""
    threads = {thread.external_id for thread in mall.simulator.threads()}

    async def look() -> list[dict[str, Any]] | None:
        cases = await _list_cases(api, channel_id)
        return cases if threads <= {case["external_id"] for case in cases} else None

    return await _until(look, lambda: f"{mall.key}: not every one of {len(threads)} threads became a case")


async def _answer(api: httpx.AsyncClient, mall: Mall, channel_id: str) -> Answered:
    """Answer the case that waits longest for the shop, and make sure that the answer stands at the mall once."""
    case = await _find_waiting(api, mall, channel_id)
    seen = len(mall.simulator.requests)
    key = uuid.uuid4().hex
    reply = await _reply(api, case, ANSWER, key)
    if (await _reply(api, case, ANSWER, key))["id"] != reply["id"]:
        raise BrokenPromiseError(f"{mall.key}: the same Idempotency-Key made a second reply")
    sent = await _until_sent(api, reply["id"], [], on_status=lambda _reply: None)
    _require_one_copy(mall, case["external_id"], ANSWER)
    posted = [one.operation for one in mall.simulator.requests[seen:] if not one.operation.startswith("GET ")]
    return Answered(mall, case["id"], case["external_id"], sent, posted[-1])


async def _cut_the_line(api: httpx.AsyncClient, screen: Screen, answered: Answered) -> None:
    """Let the mall store an answer and cut the line before it can say so; the gateway finds out by itself."""
    mall = answered.mall
    mall.simulator.faults.add(Fault(kind=FaultKind.CUT_AFTER, operation=answered.operation))
    case = await _call(api, "GET", f"/v1/cases/{answered.case_id}")
    reply = await _reply(api, case, SECOND_ANSWER, uuid.uuid4().hex)
    statuses: list[str] = []
    sent = await _until_sent(api, reply["id"], statuses, on_status=lambda one: screen.show_status(mall, one))
    outcomes = [attempt["outcome"] for attempt in sent["attempts"]]
    if outcomes != ["unknown"] or "unknown" not in statuses:
        raise BrokenPromiseError(f"{mall.key}: the cut line was judged {outcomes}, by way of {statuses}")
    if len(mall.simulator.faults.struck) != 1:
        raise BrokenPromiseError(f"{mall.key}: the line was not cut")
    _require_one_copy(mall, answered.thread_id, SECOND_ANSWER)
    screen.show_settled(mall, sent, mall.simulator.thread(answered.thread_id))


def _readable(answered: Sequence[Answered]) -> Answered:
    """Return an answer at a mall whose threads can be read, and where repeating a send would make a second copy."""
    for one in answered:
        if one.mall.capabilities.can_read_thread and not one.mall.capabilities.is_send_idempotent:
            return one
    raise BrokenPromiseError("no mall among the connectors lets its threads be read")


def _require_one_copy(mall: Mall, thread_id: str, text: str) -> None:
    copies = [fingerprint(said) for said in mall.simulator.thread(thread_id).shop_texts].count(fingerprint(text))
    if copies != 1:
        raise BrokenPromiseError(f"{mall.key}: the answer stands {copies} times in the thread {thread_id}")


async def _find_waiting(api: httpx.AsyncClient, mall: Mall, channel_id: str) -> dict[str, Any]:
    cases = await _list_cases(api, channel_id)
    for case in sorted(cases, key=lambda case: str(case["last_message_at"])):
        if case["status"] in {"new", "open"} and not case["is_withdrawn"]:
            detail = await _call(api, "GET", f"/v1/cases/{case['id']}")
            if any(action["action"] == "reply" and action["is_allowed"] for action in detail["actions"]):
                return detail
    raise BrokenPromiseError(f"{mall.key}: no case can be answered")


async def _list_cases(api: httpx.AsyncClient, channel_id: str) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = []
    address: str | None = f"/v1/cases?channel_id={channel_id}&limit=100"
    while address is not None:
        page = await _call(api, "GET", address)
        cases += page["items"]
        address = page["links"]["next"]
    return cases


async def _reply(api: httpx.AsyncClient, case: dict[str, Any], text: str, key: str) -> dict[str, Any]:
    wish = {"text": text, "base_revision": case["revision"]}
    return await _call(api, "POST", f"/v1/cases/{case['id']}/replies", json=wish, key=key)


async def _until_sent(
    api: httpx.AsyncClient, reply_id: str, statuses: list[str], *, on_status: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    async def look() -> dict[str, Any] | None:
        reply = await _call(api, "GET", f"/v1/replies/{reply_id}")
        if not statuses or statuses[-1] != reply["status"]:
            statuses.append(reply["status"])
            on_status(reply)
        return reply if reply["status"] == "sent" else None

    return await _until(look, lambda: f"the reply {reply_id} was not sent; it came by {statuses}")


async def _call(
    api: httpx.AsyncClient, method: str, path: str, *, json: Any = None, key: str | None = None
) -> dict[str, Any]:
    headers = {"Idempotency-Key": key} if key else {}
    answer = await api.request(method, path, json=json, headers=headers)
    if answer.is_error:
        raise BrokenPromiseError(f"{method} {path} was answered with {answer.status_code}: {answer.text[:500]}")
    found: dict[str, Any] = answer.json()
    return found


async def _until(look: Callable[[], Awaitable[T | None]], complaint: Callable[[], str]) -> T:
    """Look until there is something to see."""
    for _ in range(int(PATIENCE_SECONDS / LOOK_EVERY_SECONDS)):
        if (found := await look()) is not None:
            return found
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    raise BrokenPromiseError(f"{complaint()}, after {PATIENCE_SECONDS} s")
