"""The public doors: what malls and shops push to the paths that connectors declare."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta

from fastapi import FastAPI, Request, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.api.errors import respond
from gateway.ids import new_id, to_public
from gateway.model import Channel, Record, RecordState
from gateway.registry import Discovery
from gateway.runtime import Runtime
from gateway.sdk import (
    AnyConnector,
    ChannelContext,
    ConnectorError,
    RateLimitedError,
    RawRecord,
    Reception,
    StoredRecord,
    Text,
    WebhookRequest,
    WebhookResponse,
)
from gateway.sdk.bucket import take_from_bucket
from gateway.store import channels, records
from gateway.sync import inbound

HELD_BACK = "held_back"
# How many unknown addresses are remembered, so that their limits answer as those of real ones do.
MOST_DECOYS = 10_000
MOST_ENTRIES = 1_000


def mount(app: FastAPI, discovery: Discovery) -> None:
    """Add the paths of every connector, for every method; they are no part of the REST contract."""
    memo = DecoyMemo(app.state.runtime)
    for key in sorted(discovery.connectors):
        connector = discovery.connectors[key]
        for path in connector.webhook_paths:
            door: ASGIApp = _Door(app, connector, path, memo)
            app.router.routes.append(Route(path, door, include_in_schema=False))


class _Door:
    """One path of one connector."""

    def __init__(self, app: FastAPI, connector: type[AnyConnector], path: str, memo: DecoyMemo) -> None:
        self._app = app
        self._connector = connector
        self._path = path
        self._memo = memo

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self._answer(request)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        runtime: Runtime = self._app.state.runtime
        wanted = await self._read(request, runtime)
        async with runtime.database.session() as db:
            channel = await channels.find_by_address(db, wanted.params["address"].replace("\0", ""))
        try:
            if channel is not None and channel.connector == self._connector.key and channel.is_active:
                async with runtime.connector(channel) as connector:
                    return _to_response(await take(runtime, connector, channel, wanted))
            return await self._answer_unknown(request, runtime, wanted)
        except RateLimitedError as error:
            text = Text(ja="しばらくお待ちください。", en="Please wait.")
            wait = str(max(1, round(error.retry_after.total_seconds())))
            return respond(request, 429, "rate_limited", text, headers={"Retry-After": wait})
        except ConnectorError:
            text = Text(ja="今は受け付けられません。", en="This cannot be taken now; send it again later.")
            return respond(request, 503, "mall_unavailable", text, headers={"Retry-After": "30"})

    async def _answer_unknown(self, request: Request, runtime: Runtime, wanted: WebhookRequest) -> Response:
        """Answer for an address that nobody has as a real one answers to a stranger, and store nothing."""
        decoy = self._connector.settings_type.decoy()
        if decoy is not None:
            connector = self._connector(decoy, self._decoy_context(runtime, wanted.params["address"]))
            try:
                reception = await connector.receive(wanted)
            finally:
                await connector.aclose()
            if reception.response is not None:
                return _to_response(reception.response)
        text = Text(ja="このアドレスには何もありません。", en="There is nothing at this address.")
        return respond(request, 404, "not_found", text)

    def _decoy_context(self, runtime: Runtime, address: str) -> ChannelContext:
        name = f"decoy:{self._connector.key}:{address}"
        return ChannelContext(
            channel_id=to_public("chan", new_id()),
            budget=_NoBudget(),
            tokens=_NoTokens(),
            memo=self._memo.of(name),
            now=runtime.clock,
            sleep=runtime.sleep,
            transport=runtime.transport,
            allows_private_addresses=runtime.config.allow_private_addresses,
            server_secret=runtime.vault.derive(name),
        )

    async def _read(self, request: Request, runtime: Runtime) -> WebhookRequest:
        return WebhookRequest(
            method=request.method,
            path=request.url.path,
            route=self._path,
            body=await _read_at_most(request, self._connector.webhook_limit(self._path) + 1),
            headers={name.lower(): value for name, value in request.headers.items()},
            params={name: str(value) for name, value in request.path_params.items()},
            query=dict(request.query_params),
            client_ip=client_ip(request, runtime.config.trusted_proxies),
        )


async def take(runtime: Runtime, connector: AnyConnector, channel: Channel, wanted: WebhookRequest) -> WebhookResponse:
    """Let the connector judge a request, store what it brings before it is understood, and return the answer."""
    reception = await connector.receive(wanted)
    if reception.response is not None:
        return reception.response
    held = await _store(runtime, connector, channel, reception)
    return await connector.acknowledge(
        wanted,
        reception,
        [
            StoredRecord(
                record_id=to_public("rec", record.id),
                case_id=to_public("case", record.case_id) if record.case_id else None,
            )
            for record in held
        ],
    )


async def _store(runtime: Runtime, connector: AnyConnector, channel: Channel, reception: Reception) -> Sequence[Record]:
    if reception.quarantine_reason is not None:
        return await _hold_back(runtime, channel, reception.records, reception.quarantine_reason)
    await inbound.take_in(runtime, connector, channel.id, reception.records)
    # Also what was stored before counts: the answer to it may have been lost, or it was not yet understood.
    async with runtime.database.session() as db:
        held = await records.find_stored(db, channel.id, reception.records)
    fresh = [record for record in held if record.state is RecordState.RECEIVED]
    await inbound.apply(runtime, connector, channel.id, fresh)
    return held


async def _hold_back(runtime: Runtime, channel: Channel, raws: Sequence[RawRecord], reason: str) -> Sequence[Record]:
    """Store records and set them aside unread, in one commit: nobody may take them for ones to be applied."""
    now = runtime.clock()
    async with runtime.database.session() as db:
        fresh = await records.save(db, channel.id, await records.unseen(db, channel.id, raws), now)
        for record in fresh:
            await inbound.set_aside(db, record, now, code=HELD_BACK, reason=reason)
        await db.commit()
        return await records.find_stored(db, channel.id, raws)


def client_ip(request: Request, trusted: Sequence[str]) -> str | None:
    """Return who called, believing X-Forwarded-For only as far as trusted proxies wrote it."""
    nearest = request.client.host if request.client else None
    chain = [one.strip() for header in request.headers.getlist("x-forwarded-for") for one in header.split(",")]
    while nearest is not None and chain and _is_trusted(nearest, trusted):
        further = chain.pop()
        if not _is_address(further):
            break
        nearest = further
    return nearest


def _is_trusted(address: str, trusted: Sequence[str]) -> bool:
    if not _is_address(address):
        return address in trusted
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(one, strict=False) for one in trusted)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


async def _read_at_most(request: Request, most: int) -> bytes:
    """Return the body, cut at `most` bytes: what comes behind is not even read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk[: most - len(body)]
        if len(body) >= most:
            break
    return bytes(body)


def _to_response(answer: WebhookResponse) -> Response:
    return Response(answer.body, status_code=answer.status, headers=dict(answer.headers))


class DecoyMemo:
    """What connectors remember of addresses that nobody has: in this process, bounded, and as slow as a real one."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._memos: OrderedDict[str, MemoOfNobody] = OrderedDict()

    def of(self, name: str) -> MemoOfNobody:
        """Return the memo of one address."""
        memo = self._memos.setdefault(name, MemoOfNobody(self._runtime))
        self._memos.move_to_end(name)
        if len(self._memos) > MOST_DECOYS:
            self._memos.popitem(last=False)
        return memo


class MemoOfNobody:
    """See `gateway.sdk.Memo`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._entries: dict[str, tuple[bytes, datetime]] = {}
        self._free_at: dict[str, datetime] = {}

    async def remember(self, key: str, value: bytes, *, ttl: timedelta) -> bytes | None:
        present = await self.recall(key)
        if present is None:
            self._keep(key, value, ttl)
        return present

    async def recall(self, key: str) -> bytes | None:
        await self._ask_database()
        value, expires_at = self._entries.get(key, (b"", self._runtime.clock()))
        return value if expires_at > self._runtime.clock() else None

    async def replace(self, key: str, value: bytes, *, ttl: timedelta) -> None:
        await self._ask_database()
        self._keep(key, value, ttl)

    async def forget(self, key: str) -> None:
        await self._ask_database()
        self._entries.pop(key, None)

    async def take_permit(self, key: str, *, limit: int, per: timedelta) -> timedelta:
        await self._ask_database()
        wait, free_at = take_from_bucket(self._free_at.get(key), self._runtime.clock(), limit=limit, per=per)
        if wait:
            return wait
        self._free_at[key] = free_at
        if len(self._free_at) > MOST_ENTRIES:
            del self._free_at[next(iter(self._free_at))]
        return timedelta()

    def _keep(self, key: str, value: bytes, ttl: timedelta) -> None:
        self._entries[key] = (value, self._runtime.clock() + ttl)
        if len(self._entries) > MOST_ENTRIES:
            del self._entries[next(iter(self._entries))]

    async def _ask_database(self) -> None:
        async with self._runtime.database.session() as db:
            await channels.find_by_address(db, "")
            await db.commit()


class _NoBudget:
    async def take(self, *, interval: timedelta, is_send: bool) -> None:
        """Nobody is called for an address that nobody has."""

    async def pause(self, duration: timedelta) -> None:
        """Nobody is called for an address that nobody has."""


class _NoTokens:
    async def load(self) -> Mapping[str, str]:
        return {}

    async def renew(
        self, seen: Mapping[str, str], _refresh: Callable[[Mapping[str, str]], Awaitable[Mapping[str, str]]]
    ) -> Mapping[str, str]:
        return seen
