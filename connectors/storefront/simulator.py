"""A shop's back end in one process: it signs what its customers write, and takes our replies.

It is the caller of our intake, so what it wants to push waits in `pending_webhooks` for whoever delivers it. Its HTTP
side is the callback receiver (`/callback`) and a bot check as Turnstile's (`/turnstile/v0/siteverify`). Answers of any
status, slow ones, cuts and HTML in place of JSON are switched on with `faults`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, SupportsIndex

from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp

from connectors.storefront.connector import INQUIRIES, UPLOAD, UPLOADS
from connectors.storefront.signature import (
    ID_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    is_signed,
    new_secret,
    parse_secret,
    parse_timestamp,
    sign,
)
from connectors.storefront.tokens import new_identity_token
from gateway.sdk import AuthorRole, MallFlags, Mark, WebhookRequest
from gateway.sdk.testing import SimulatedClock, SimulatedFile, SimulatedMessage, SimulatedThread, Simulator

FIRST_SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
SECOND_SECRET = "whsec_ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
SITE_KEY = "0x4AAAAAAAsimulated"
BOT_CHECK_SECRET = "0x4AAAAAAAsimulated-secret"
SHOP_ORIGIN = "https://shop.example.jp"
TOLERANCE = timedelta(seconds=300)
BOT_TOKEN_LIFETIME = timedelta(seconds=300)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One callback that reached the shop; `is_repeated` says that its id was seen before."""

    event_id: str
    type: str
    at: datetime
    timestamp: int
    is_repeated: bool
    body: Mapping[str, Any] = field(repr=False)


@dataclass(slots=True)
class _Thread:
    external_id: str
    messages: list[SimulatedMessage] = field(default_factory=list)
    status: str = "open"
    case_id: str | None = None


@dataclass(slots=True)
class _BotToken:
    issued_at: datetime
    hostname: str
    action: str
    is_spent: bool = False
    spent_under: str | None = None


class _Outbox(list[WebhookRequest]):
    """What waits to be pushed; each request is dated and signed when it leaves, as a sender does on every attempt."""

    def __init__(self, stamp: Callable[[WebhookRequest], WebhookRequest]) -> None:
        super().__init__()
        self._stamp = stamp

    def pop(self, index: SupportsIndex = -1) -> WebhookRequest:
        return self._stamp(super().pop(index))

    def __iter__(self) -> Iterator[WebhookRequest]:
        return map(self._stamp, super().__iter__())


class StorefrontSimulator(Simulator):
    """A small shop with a contact form of its own."""

    key = "storefront"

    def __init__(self, clock: SimulatedClock | None = None) -> None:
        super().__init__(clock)
        self.address = "demo-shop"
        self.secrets: tuple[str, ...] = (FIRST_SECRET,)
        self.callback_secrets: tuple[str, ...] = (FIRST_SECRET,)
        self.deliveries: list[Delivery] = []
        self._threads: dict[str, _Thread] = {}
        self._bot_tokens: dict[str, _BotToken] = {}
        self._count = 0
        self.pending_webhooks = _Outbox(self._stamped)

    # The mall's side

    def mall(self) -> ASGIApp:
        app = FastAPI(title="Simulated own site", openapi_url=None)

        @app.post("/callback")
        async def callback(request: Request) -> Response:
            return self._take_callback(dict(request.headers), await request.body())

        @app.post("/turnstile/v0/siteverify")
        async def siteverify(request: Request) -> dict[str, Any]:
            if request.headers.get("content-type", "").startswith("application/json"):
                question = await request.json()
            else:
                question = dict(await request.form())
            return self._verify(question)

        return app

    def settings(self, base_url: str, *, address: str = "") -> dict[str, Any]:
        self.address = address or self.address
        return {
            "secrets": list(self.secrets),
            "callback_url": f"{base_url.rstrip('/')}/callback",
            "callback_secrets": list(self.callback_secrets),
            "form_origins": [SHOP_ORIGIN],
            "bot_check": "turnstile",
            "bot_check_site_key": SITE_KEY,
            "bot_check_secret": BOT_CHECK_SECRET,
            "bot_check_url": f"{base_url.rstrip('/')}/turnstile/v0/siteverify",
        }

    def seed(self) -> None:
        """A question before the purchase, an exchange with a photograph, a follow-up, a withdrawal, two secrets."""
        now = self.clock.now()
        self.customer_writes("このワンピースはいつ再入荷しますか？", at=now - timedelta(hours=3))
        photo = SimulatedFile(name="写真.png", content_type="image/png", content=PHOTO)
        exchange = self.customer_writes(
            "先日購入したワンピースをMからSに交換できますか？",
            order="1001",
            files=[photo],
            at=now - timedelta(hours=2),
        )
        self.customer_writes("急いでいます。よろしくお願いします。", thread_id=exchange, at=now - timedelta(hours=1))
        mistaken = self.customer_writes("間違えて送りました。", at=now - timedelta(minutes=50))
        self.customer_withdraws(mistaken)
        self.rotate_secrets()
        self.customer_writes("領収書の宛名を変更できますか？", order="1002", at=now - timedelta(minutes=30))

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
        at = at or self.clock.now()
        thread = self._threads[thread_id] if thread_id else self._open_thread()
        attachments = [self._push_file(file) for file in files]
        event = {
            "type": "inquiry.message.created" if thread_id else "inquiry.created",
            "timestamp": at.isoformat(),
            "data": {
                "external_id": thread.external_id,
                "thread_id": thread.case_id,
                "customer": {
                    "name": "佐藤 花子",
                    "email": "hanako@example.jp",
                    "phone": None,
                    "customer_ref": "C-5567",
                },
                "subject": text.split("\n", 1)[0][:40],
                "body": text,
                "category": "exchange" if order else "product",
                "order_refs": [order] if order else [],
                "item_refs": [],
                "page_url": f"{SHOP_ORIGIN}/contact",
                "locale": "ja-JP",
                "consents": {"privacy_policy": "2026-04"},
                "attachments": attachments,
            },
        }
        self.pending_webhooks.append(self.signed(event))
        thread.messages.append(
            SimulatedMessage(author_role=AuthorRole.CUSTOMER, text=text, sent_at=at, files=tuple(files))
        )
        thread.status = "open"
        return thread.external_id

    def staff_writes(self, thread_id: str, text: str) -> None:
        now = self.clock.now()
        thread = self._threads[thread_id]
        self._push("inquiry.reply.created", external_id=thread_id, author={"display_name": "店長"}, body=text)
        thread.messages.append(SimulatedMessage(author_role=AuthorRole.SHOP, text=text, sent_at=now))

    def staff_marks(self, thread_id: str, mark: Mark) -> None:
        if mark not in {Mark.COMPLETED, Mark.REOPENED}:
            raise NotImplementedError(f"{self.key} does not know the mark {mark}")
        thread = self._threads[thread_id]
        thread.status = "closed" if mark is Mark.COMPLETED else "open"
        self._push("inquiry.status.changed", external_id=thread_id, status=thread.status)

    def customer_withdraws(self, thread_id: str) -> None:
        """The customer takes an inquiry back."""
        self._push("inquiry.withdrawn", external_id=thread_id)

    def threads(self) -> list[SimulatedThread]:
        return [
            SimulatedThread(
                external_id=thread.external_id,
                messages=tuple(thread.messages),
                flags=MallFlags(is_completed=thread.status == "closed"),
            )
            for thread in self._threads.values()
        ]

    def sign_in(self, customer_ref: str) -> str:
        """A customer signs in on the shop's site; returns the token that its pages embed."""
        return new_identity_token(
            parse_secret(self.secrets[0]), form_key=self.address, customer_ref=customer_ref, now=self.clock.now()
        )

    def solve_bot_check(self, *, hostname: str = "shop.example.jp", action: str = "inquiry") -> str:
        """A person passes the bot check on a page of `hostname`; returns the token, good for one use in 300 s."""
        token = f"simulated.{uuid.uuid4().hex}"
        self._bot_tokens[token] = _BotToken(issued_at=self.clock.now(), hostname=hostname, action=action)
        return token

    # Trouble

    def add_unreadable(self) -> None:
        """Push an event that is signed well and says nothing that the protocol knows."""
        self.pending_webhooks.append(self.signed({"type": "inquiry.teleported", "data": {"external_id": 7}}))

    def rotate_secrets(self) -> None:
        """Begin a rotation: from now on everything is signed with the new and the old secret."""
        self.secrets = (SECOND_SECRET, FIRST_SECRET)

    def expire_credentials(self) -> None:
        """The shop replaces the secret of its callback and takes the old one no more."""
        self.callback_secrets = (new_secret(),)

    def renew_credentials(self) -> dict[str, Any]:
        return {"callback_secrets": list(self.callback_secrets)}

    def bad_webhooks(self) -> dict[str, tuple[WebhookRequest, int]]:
        """Return every wrong request of the checklist, by what is wrong with it, and the status it deserves."""
        event = self._plain_event("bad-0001")
        good = self.signed(event)
        reordered = json.dumps(dict(reversed(event.items())), indent=1).encode()
        stranger = self.signed(event, secrets=(new_secret(),))
        far = TOLERANCE + timedelta(seconds=1)
        without_signature = {name: value for name, value in good.headers.items() if name != SIGNATURE_HEADER}
        return {
            "wrong secret": (stranger, 401),
            "old timestamp": (self.signed(event, at=self.clock.now() - far), 401),
            "future timestamp": (self.signed(event, at=self.clock.now() + far), 401),
            "re-serialised body": (replace(good, body=reordered), 401),
            "no signature": (replace(good, headers=without_signature), 400),
            "id with a full stop": (self.signed(event, event_id="evt.0000001"), 400),
            "timestamp that is no number": (_with_header(good, TIMESTAMP_HEADER, "yesterday"), 400),
            "300 kB body": (self.signed_bytes(b"x" * 300_000), 413),
            "wrong content type": (_with_header(good, "content-type", "text/plain"), 415),
            "not UTF-8": (self.signed_bytes('{"type":"サイズ"}'.encode("cp932")), 422),
            "not JSON": (self.signed_bytes(b"{"), 422),
            "unknown type": (self.signed({**event, "type": "inquiry.teleported"}), 422),
        }

    # Making requests

    def signed(
        self,
        event: Mapping[str, Any],
        *,
        event_id: str | None = None,
        at: datetime | None = None,
        secrets: Sequence[str] | None = None,
        route: str = INQUIRIES,
    ) -> WebhookRequest:
        """Return `event` as a signed request."""
        body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
        return self.signed_bytes(body, event_id=event_id, at=at, secrets=secrets, route=route)

    def signed_bytes(
        self,
        body: bytes,
        *,
        event_id: str | None = None,
        at: datetime | None = None,
        secrets: Sequence[str] | None = None,
        route: str = INQUIRIES,
    ) -> WebhookRequest:
        """Return any bytes as a signed request."""
        at = at or self.clock.now()
        event_id = event_id or f"evt_{uuid.uuid4().hex}"
        keys = [parse_secret(secret) for secret in secrets or self.secrets]
        signature = sign(keys, event_id, at, body.decode()) if _is_text(body) else _sign_bytes(keys, event_id, at, body)
        return WebhookRequest(
            method="POST",
            path=route.format(address=self.address),
            route=route,
            body=body,
            headers={
                "content-type": "application/json",
                ID_HEADER: event_id,
                TIMESTAMP_HEADER: str(int(at.timestamp())),
                SIGNATURE_HEADER: signature,
            },
            params={"address": self.address},
            client_ip="198.51.100.10",
        )

    def _push(self, kind: str, **told: Any) -> None:
        event = {"type": kind, "timestamp": self.clock.now().isoformat(), "data": told}
        self.pending_webhooks.append(self.signed(event))

    def _stamped(self, request: WebhookRequest) -> WebhookRequest:
        """Return a waiting request as it leaves: the id stays, timestamp and signature are of this attempt."""
        if ID_HEADER not in request.headers:
            return request
        return self.signed_bytes(request.body, event_id=request.headers[ID_HEADER], route=request.route)

    def _push_file(self, file: SimulatedFile) -> dict[str, Any]:
        """Announce a file under an id of the shop's own choice, so that its `PUT` can follow without an answer."""
        upload_id = f"up_{uuid.uuid4().hex}"
        announcement = {
            "name": file.name,
            "content_type": file.content_type,
            "size": len(file.content),
            "sha256": hashlib.sha256(file.content).hexdigest(),
            "upload_id": upload_id,
        }
        self.pending_webhooks.append(self.signed(announcement, route=UPLOADS))
        self.pending_webhooks.append(
            WebhookRequest(
                method="PUT",
                path=UPLOAD.format(address=self.address, upload_id=upload_id),
                route=UPLOAD,
                body=file.content,
                headers={"content-type": file.content_type},
                params={"address": self.address, "upload_id": upload_id},
                client_ip="198.51.100.10",
            )
        )
        return announcement

    def _plain_event(self, external_id: str) -> dict[str, Any]:
        return {
            "type": "inquiry.created",
            "timestamp": self.clock.now().isoformat(),
            "data": {
                "external_id": external_id,
                "customer": {"email": "hanako@example.jp"},
                "body": "サイズ交換について教えてください。",
            },
        }

    def _open_thread(self) -> _Thread:
        self._count += 1
        # The clock is part of the number, so that a shop that starts anew does not repeat its old ones.
        thread = _Thread(external_id=f"form-{int(self.clock.now().timestamp())}-{self._count:04}")
        self._threads[thread.external_id] = thread
        return thread

    # Taking callbacks

    def _take_callback(self, headers: Mapping[str, str], body: bytes) -> Response:
        event_id, timestamp = headers.get(ID_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
        seconds = parse_timestamp(timestamp)
        now = self.clock.now()
        is_fresh = seconds is not None and abs(now.timestamp() - seconds) <= TOLERANCE.total_seconds()
        is_ours = is_signed(
            [parse_secret(secret) for secret in self.callback_secrets],
            event_id=event_id,
            timestamp=timestamp,
            signatures=headers.get(SIGNATURE_HEADER, ""),
            body=body,
        )
        if not is_fresh or not is_ours:
            return Response(status_code=401)
        event = json.loads(body)
        if event["type"] == "inquiry.status.changed" and event["data"]["external_id"] not in self._threads:
            return Response(status_code=404)
        is_repeated = any(delivery.event_id == event_id for delivery in self.deliveries)
        self.deliveries.append(
            Delivery(
                event_id=event_id,
                type=event["type"],
                at=now,
                timestamp=seconds or 0,
                is_repeated=is_repeated,
                body=event,
            )
        )
        if not is_repeated:
            self._apply(event["type"], event["data"], now)
        return Response(status_code=204)

    def _apply(self, kind: str, told: Mapping[str, Any], now: datetime) -> None:
        if kind == "endpoint.test":
            return
        external_id = told["external_id"]
        # Threads that began in the browser form are new to the shop's back end.
        thread = self._threads.setdefault(external_id, _Thread(external_id=external_id))
        if kind == "inquiry.status.changed":
            thread.status = told["status"]
            return
        thread.case_id = told["case_id"]
        files = tuple(
            SimulatedFile(
                name=file["name"], content_type=file["content_type"], content=base64.b64decode(file["content"])
            )
            for file in told["attachments"]
        )
        thread.messages.append(
            SimulatedMessage(author_role=AuthorRole.SHOP, text=told["body"], sent_at=now, files=files)
        )

    # Judging visitors

    def _verify(self, question: Mapping[str, Any]) -> dict[str, Any]:
        if question.get("secret") != BOT_CHECK_SECRET:
            return _verdict("invalid-input-secret" if question.get("secret") else "missing-input-secret")
        if not question.get("response"):
            return _verdict("missing-input-response")
        token = self._bot_tokens.get(str(question["response"]))
        if token is None:
            return _verdict("invalid-input-response")
        is_own_repetition = (
            token.is_spent and token.spent_under is not None and (token.spent_under == question.get("idempotency_key"))
        )
        is_late = self.clock.now() - token.issued_at > BOT_TOKEN_LIFETIME
        if (token.is_spent and not is_own_repetition) or is_late:
            return _verdict("timeout-or-duplicate")
        token.is_spent, token.spent_under = True, question.get("idempotency_key")
        return {
            "success": True,
            "error-codes": [],
            "challenge_ts": token.issued_at.isoformat(),
            "hostname": token.hostname,
            "action": token.action,
            "cdata": "",
        }


# One grey pixel.
PHOTO = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def _verdict(code: str) -> dict[str, Any]:
    return {"success": False, "error-codes": [code]}


def _with_header(request: WebhookRequest, name: str, value: str) -> WebhookRequest:
    return replace(request, headers={**request.headers, name: value})


def _is_text(body: bytes) -> bool:
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _sign_bytes(keys: Sequence[bytes], event_id: str, at: datetime, body: bytes) -> str:
    """Sign what is no text; the library signs text only."""
    signed = b"%b.%d.%b" % (event_id.encode(), int(at.timestamp()), body)
    digests = [base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode() for key in keys]
    return " ".join(f"v1,{digest}" for digest in digests)


simulator = StorefrontSimulator
