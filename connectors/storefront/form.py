"""B2: what a browser sends from the shop's contact form. A page keeps no secret, so there are layers instead."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn
from urllib.parse import urlsplit

from pydantic import ValidationError

from connectors.storefront.answers import FieldError, RefusalError, answer, require_method
from connectors.storefront.botcheck import BOT_CHECKS, BotVerdictKind
from connectors.storefront.files import sniff
from connectors.storefront.idempotency import IdempotencyKey
from connectors.storefront.settings import StorefrontSettings
from connectors.storefront.spam import spam_score
from connectors.storefront.submission import SentFile, digest_of, media_type_of, read_submission
from connectors.storefront.tokens import FormClaims, new_form_token, read_form_token, read_identity_token
from connectors.storefront.uploads import Uploads
from connectors.storefront.wire import FormOrigin, FormSubmission, InquiryCreated, RefusedFile, parse_event
from gateway.sdk import ChannelContext, RawRecord, Reception, StoredRecord, Text, WebhookRequest, WebhookResponse

TEN_MINUTES = timedelta(minutes=10)
UNAVAILABLE_RETRY = timedelta(seconds=30)

_LABELS = {
    "name": Text(ja="お名前", en="Name"),
    "email": Text(ja="メールアドレス", en="E-mail address"),
    "phone": Text(ja="電話番号", en="Phone number"),
    "subject": Text(ja="件名", en="Subject"),
    "body": Text(ja="お問い合わせ内容", en="Your question"),
    "category": Text(ja="お問い合わせの種類", en="Kind of question"),
    "order_refs": Text(ja="ご注文番号", en="Order number"),
    "item_refs": Text(ja="商品番号", en="Item code"),
}
_LENGTHS = {
    "name": 200,
    "email": 254,
    "phone": 64,
    "subject": 200,
    "body": 10_000,
    "category": 64,
    "order_refs": 64,
    "item_refs": 64,
}
# Digits and capitals that nobody mixes up on the telephone.
_REFERENCE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class BrowserForm:
    """The public door of one storefront."""

    settings: StorefrontSettings
    context: ChannelContext

    # Cross-origin rules

    def cors_headers(self, request: WebhookRequest) -> dict[str, str]:
        """Return what every answer carries: `Vary` always, the permission only for a site on the list."""
        headers = {"vary": "Origin"}
        origin = request.headers.get("origin", "")
        if origin in self.settings.form_origins:
            headers["access-control-allow-origin"] = origin
            # Without it a page cannot read how long a 429 asks it to wait.
            headers["access-control-expose-headers"] = "retry-after"
        return headers

    def preflight(self, request: WebhookRequest) -> WebhookResponse:
        """Answer the question that a browser asks before it sends JSON."""
        if request.headers.get("origin", "") not in self.settings.form_origins:
            raise RefusalError("origin_refused")
        return WebhookResponse(
            status=204,
            headers={
                "access-control-allow-methods": "GET, POST",
                "access-control-allow-headers": "content-type, idempotency-key",
                "access-control-max-age": "600",
            },
        )

    # Opening

    async def open(self, request: WebhookRequest) -> WebhookResponse:
        """Describe the form to a site on the list, with a token for sending it once."""
        require_method(request, "GET")
        origin = self._require_origin(request)
        self._require_server_secret()
        await self._take("config", request, self.settings.config_reads_per_ip, TEN_MINUTES)
        form_key = request.params["address"]
        settings = self.settings
        token = new_form_token(self.context.server_secret, form_key=form_key, origin=origin, now=self.context.now())
        bot_check = None
        if settings.bot_check != "none":
            bot_check = {
                "provider": settings.bot_check,
                "site_key": settings.bot_check_site_key,
                "action": settings.bot_check_action,
            }
        return answer(
            200,
            {
                "form_key": form_key,
                "form_token": token,
                "fields": [_described(name, settings) for name in _LABELS],
                "honeypot": settings.form_honeypot,
                "bot_check": bot_check,
                "limits": {
                    "min_seconds": settings.form_min_age.total_seconds(),
                    "max_seconds": settings.form_max_age.total_seconds(),
                    "max_files": settings.max_files,
                    "max_file_bytes": settings.max_file_bytes,
                    "file_types": settings.file_types,
                },
            },
        )

    # Sending

    async def receive(self, request: WebhookRequest) -> Reception:
        """Check a submission and return it as a record, set aside if it looks suspicious.

        Raises:
            RefusalError: the answer, by the first check that fails.
        """
        require_method(request, "POST")
        origin = self._require_origin(request)
        self._require_server_secret()
        media_type = media_type_of(request)
        await self._take("submit", request, self.settings.submissions_per_ip, TEN_MINUTES)
        await self._take("submit-day", request, self.settings.submissions_per_ip_and_day, timedelta(days=1))
        members, files = await read_submission(request, media_type)
        try:
            submission = FormSubmission.model_validate(members)
        except ValidationError as error:
            raise RefusalError.of(error) from error
        claims = self._require_form_token(submission.form_token, request.params["address"], origin)
        submission_id = self._submission_id(request, claims)
        digest = digest_of(submission, files)
        place = self._place(submission_id, digest)
        repeated = await place.claim()
        if repeated is not None:
            return Reception(response=repeated)
        try:
            return await self._accept(request, submission, files, claims, submission_id, digest, members)
        except RefusalError:
            await place.release()
            raise

    async def acknowledge(self, reception: Reception, stored: StoredRecord | None) -> WebhookResponse:  # noqa: ARG002
        """Return the one answer that every accepted submission gets; it tells nothing about people or orders."""
        event = parse_event(reception.records[0].payload)
        if not isinstance(event, InquiryCreated) or event.form is None:
            raise TypeError("a submission became another event")
        body: dict[str, Any] = {"reference": event.form.reference}
        if event.form.refused_files:
            body["refused_files"] = [{"name": file.name, "code": file.code} for file in event.form.refused_files]
        response = answer(202, body)
        await self._place(event.form.submission, event.form.digest).fill(response)
        return response

    async def _accept(
        self,
        request: WebhookRequest,
        submission: FormSubmission,
        files: list[SentFile],
        claims: FormClaims,
        submission_id: str,
        digest: str,
        members: Mapping[str, Any],
    ) -> Reception:
        await self._take_permit("form", self.settings.submissions_per_minute, timedelta(minutes=1))
        address = hashlib.sha256(submission.email.lower().encode()).hexdigest()
        await self._take_permit(f"email:{address}", self.settings.submissions_per_email, TEN_MINUTES)
        suspicion = None
        if str(members.get(self.settings.form_honeypot) or "").strip():
            suspicion = "honeypot"
        else:
            suspicion = await self._require_person(submission, submission_id, request.client_ip)
        await self._spend(claims, submission_id)
        if suspicion is None and (
            spam_score(submission, max_links=self.settings.form_max_links) >= self.settings.form_spam_limit
        ):
            suspicion = "spam_score"
        taken, refused = await self._keep_files(files, submission_id)
        payload = self._to_event(request, submission, taken, refused, submission_id, digest)
        external_id = payload["data"]["external_id"]
        record = RawRecord(
            payload=json.dumps(payload, ensure_ascii=False).encode(), external_id=external_id, version=submission_id
        )
        return Reception(records=(record,), quarantine_reason=suspicion)

    def _to_event(
        self,
        request: WebhookRequest,
        submission: FormSubmission,
        taken: list[dict[str, Any]],
        refused: list[RefusedFile],
        submission_id: str,
        digest: str,
    ) -> dict[str, Any]:
        customer_ref, identity = None, "none"
        if submission.identity_token:
            customer_ref = read_identity_token(
                self.settings.keys,
                submission.identity_token,
                form_key=request.params["address"],
                now=self.context.now(),
            )
            # An outdated token costs the customer the trust, not the text.
            identity = "verified" if customer_ref else "refused"
        content = submission.content()
        origin = FormOrigin.model_validate(
            {
                "submission": submission_id,
                "digest": digest,
                "reference": self._reference(submission_id),
                "identity": identity,
                "refused_files": refused,
            }
        )
        return {
            "type": "inquiry.created",
            "timestamp": self.context.now().isoformat(),
            "data": {
                "external_id": f"form-{self._derived(b'external_id', submission_id).hex()[:26]}",
                "thread_id": None,
                "customer": {
                    "name": content.pop("name"),
                    "email": content.pop("email"),
                    "phone": content.pop("phone"),
                    "customer_ref": customer_ref,
                },
                **content,
                "attachments": taken,
            },
            "gateway_form": origin.model_dump(mode="json"),
        }

    async def _require_person(
        self, submission: FormSubmission, submission_id: str, client_ip: str | None
    ) -> str | None:
        if self.settings.bot_check == "none":
            return None
        check = BOT_CHECKS[self.settings.bot_check](self.settings, self.context)
        match await check.verify(submission.bot_token, submission_id=submission_id, client_ip=client_ip):
            case BotVerdictKind.PASSED:
                return None
            case BotVerdictKind.REFUSED:
                raise RefusalError("bot_check_refused")
            case BotVerdictKind.DOWN:
                if self.settings.when_bot_check_is_down == "quarantine":
                    return "bot_check_down"
                raise RefusalError("unavailable", retry_after=UNAVAILABLE_RETRY)

    async def _keep_files(
        self, files: list[SentFile], submission_id: str
    ) -> tuple[list[dict[str, Any]], list[RefusedFile]]:
        uploads = Uploads(self.settings, self.context)
        taken: list[dict[str, Any]] = []
        refused: list[RefusedFile] = []
        for index, file in enumerate(files):
            sniffed = sniff(file.content) if file.content else ""
            if not file.content:
                code = "empty"
            elif len(file.content) > self.settings.max_file_bytes:
                code = "too_large"
            elif sniffed not in self.settings.file_types:
                code = "type_not_allowed"
            elif len(taken) >= self.settings.max_files:
                code = "too_many_files"
            else:
                upload_id = uploads.upload_id(f"{submission_id}.{index}")
                await uploads.save(upload_id, file.content)
                taken.append(
                    {
                        "name": file.name,
                        "content_type": sniffed,
                        "size": len(file.content),
                        "sha256": file.sha256,
                        "upload_id": upload_id,
                    }
                )
                continue
            refused.append(RefusedFile(name=file.name, code=code))
        return taken, refused

    # Origins, tokens, budgets

    def _require_origin(self, request: WebhookRequest) -> str:
        """Return the site that shows the form; the list is compared exactly, and `null` is on no list."""
        origin = request.headers.get("origin")
        if origin in self.settings.form_origins:
            return str(origin)
        if origin is None and self.settings.form_origins:
            # A browser leaves the header out only when the page is our own.
            own = _origin_of(self.settings.public_base_url)
            if request.headers.get("sec-fetch-site") == "same-origin" and own in self.settings.form_origins:
                return str(own)
        raise RefusalError("origin_refused")

    def _require_server_secret(self) -> None:
        if not self.context.server_secret:
            # A token signed with nothing could be made by anybody.
            raise RefusalError("unavailable", retry_after=UNAVAILABLE_RETRY)

    def _require_form_token(self, token: str, form_key: str, origin: str) -> FormClaims:
        claims = read_form_token(self.context.server_secret, token)
        if claims is None or claims.form_key != form_key or claims.origin != origin:
            _refuse_token("invalid")
        age = self.context.now() - claims.issued_at
        if age > self.settings.form_max_age:
            _refuse_token("expired")
        if age < self.settings.form_min_age:
            raise RefusalError("form_token_too_young", retry_after=self.settings.form_min_age - age)
        return claims

    async def _spend(self, claims: FormClaims, submission_id: str) -> None:
        """Use the form's token up. The same submission may do so again: its first try may have been cut off."""
        user = await self.context.memo.remember(
            f"nonce:{claims.nonce}", submission_id.encode(), ttl=self.settings.form_max_age
        )
        if user is not None and user.decode() != submission_id:
            _refuse_token("reused")

    def _submission_id(self, request: WebhookRequest, claims: FormClaims) -> str:
        key = request.headers.get("idempotency-key")
        if key is None:
            return self._derived(b"nonce", claims.nonce).hex()[:32]
        try:
            return str(uuid.UUID(key))
        except ValueError:
            raise RefusalError("malformed", fields=[FieldError("idempotency-key", "not_a_uuid")]) from None

    def _place(self, submission_id: str, digest: str) -> IdempotencyKey:
        return IdempotencyKey(
            memo=self.context.memo,
            key=f"submission:{submission_id}",
            digest=digest,
            pending_period=self.settings.pending_period,
            answer_period=self.settings.idempotency_period,
        )

    async def _take(self, name: str, request: WebhookRequest, limit: int, per: timedelta) -> None:
        await self._take_permit(f"{name}:{_neighbourhood(request.client_ip)}", limit, per)

    async def _take_permit(self, key: str, limit: int, per: timedelta) -> None:
        wait = await self.context.memo.take_permit(key, limit=limit, per=per)
        if wait > timedelta():
            raise RefusalError("rate_limited", retry_after=wait)

    def _derived(self, purpose: bytes, text: str) -> bytes:
        return hmac.new(self.context.server_secret, purpose + b"." + text.encode(), hashlib.sha256).digest()

    def _reference(self, submission_id: str) -> str:
        number = int.from_bytes(self._derived(b"reference", submission_id)[:8])
        letters = []
        for _ in range(6):
            number, index = divmod(number, len(_REFERENCE_ALPHABET))
            letters.append(_REFERENCE_ALPHABET[index])
        return f"Q-{''.join(letters[:4])}-{''.join(letters[4:])}"


def _refuse_token(code: str) -> NoReturn:
    raise RefusalError("form_token_refused", fields=[FieldError("form_token", code)])


def _described(name: str, settings: StorefrontSettings) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": name,
        "label": _LABELS[name].model_dump(),
        "is_required": name in {"email", "body"},
        "max_length": _LENGTHS[name],
    }
    if name == "category":
        field["options"] = settings.form_categories
    return field


def _neighbourhood(client_ip: str | None) -> str:
    """Return what one person commands: an IPv4 address, or a whole /64 of IPv6."""
    try:
        address = ipaddress.ip_address(client_ip or "")
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return base64.b16encode(address.packed[:8]).decode("ascii")


def _origin_of(url: str | None) -> str | None:
    if url is None:
        return None
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
