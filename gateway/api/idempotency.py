"""Idempotency-Key: a call that can reach a customer has its effect once, however often it is made."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Request, Response
from sqlmodel.ext.asyncio.session import AsyncSession

from gateway.api.errors import ApiError, Complaint
from gateway.casework.caller import Caller
from gateway.model import IdempotencyKey
from gateway.runtime import Runtime
from gateway.sdk import Text
from gateway.store import tokens

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
KEPT_FOR = timedelta(days=30)
# A request that has not answered after so long has died; its change, if any, was never committed.
DEAD_AFTER = timedelta(seconds=60)
NOBODY = UUID(int=0)
_FORM = re.compile(r"[\x21-\x7e]{1,255}")
_KEPT_HEADERS = ("content-type", "location")


def _key(
    idempotency_key: Annotated[
        str | None,
        Header(
            description="1 to 255 visible ASCII characters of your choice, new for each intention, the same for its "
            "repetitions; answers are kept for 30 days.",
            examples=["8e03978e-40d5-43dd-bc93-6894a57f9324"],
        ),
    ] = None,
) -> str:
    if idempotency_key is None:
        text = Text(
            ja="この操作はお客様に届くため、Idempotency-Key が必要です。",
            en="This call can reach a customer, so it needs an Idempotency-Key.",
        )
        raise ApiError(400, "idempotency_key_missing", text, [Complaint(code="missing", text=text, header=HEADER)])
    if not _FORM.fullmatch(idempotency_key):
        text = Text(
            ja="Idempotency-Key は空白を除くASCII文字1〜255文字です。",
            en="An Idempotency-Key has 1 to 255 visible ASCII characters.",
        )
        raise ApiError(400, "invalid_header", text, [Complaint(code="key_form", text=text, header=HEADER)])
    return idempotency_key


Key = Annotated[str, Depends(_key)]


async def once(
    request: Request, runtime: Runtime, caller: Caller, key: str, work: Callable[[AsyncSession], Awaitable[Response]]
) -> Response:
    """Do `work` and keep its answer in the same commit; a repetition gets the answer of the first time.

    What is refused keeps nothing, so that it can be mended and sent again under the same key.
    """
    now = runtime.clock()
    claim = IdempotencyKey(
        token_id=caller.token_id or NOBODY,
        key=key,
        request_hash=await _hash(request),
        created_at=now,
        expires_at=now + KEPT_FOR,
    )
    async with runtime.database.session() as db:
        present = await tokens.claim_key(db, claim, stale_before=now - DEAD_AFTER)
        await db.commit()
    if present is not None:
        return _replay(present, claim)
    is_kept = False
    try:
        async with runtime.database.session() as db:
            response = await work(db)
            headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
            is_ours = await tokens.answer_key(
                db, claim, status=response.status_code, headers=headers, body=bytes(response.body)
            )
            if not is_ours:
                raise _in_use()
            await db.commit()
            is_kept = True
        return response
    finally:
        if not is_kept:
            async with runtime.database.session() as db:
                await tokens.release_key(db, claim)
                await db.commit()


async def _hash(request: Request) -> bytes:
    parts = (request.method.encode(), request.url.path.encode(), await request.body())
    return hashlib.sha256(b"\0".join(parts)).digest()


def _replay(present: IdempotencyKey, claim: IdempotencyKey) -> Response:
    if present.request_hash != claim.request_hash:
        text = Text(
            ja="この Idempotency-Key は別の内容の操作に使われています。",
            en="This Idempotency-Key was used for a request with another content.",
        )
        raise ApiError(422, "idempotency_key_reused", text, [Complaint(code="reused", text=text, header=HEADER)])
    if present.status is None:
        raise _in_use()
    headers = {**(present.headers or {}), REPLAYED: "true"}
    return Response(present.body, status_code=present.status, headers=headers)


def _in_use() -> ApiError:
    text = Text(
        ja="同じ Idempotency-Key の最初の処理が終わっていません。少し待ってください。",
        en="The first request with this Idempotency-Key still runs; ask again in a moment.",
    )
    return ApiError(
        409,
        "idempotency_key_in_use",
        text,
        [Complaint(code="in_use", text=text, header=HEADER)],
        headers={"Retry-After": "1"},
    )
