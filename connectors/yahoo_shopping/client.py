"""The mall's operations, one method each: wire in, wire out.

Source: developer.yahoo.co.jp/webapi/shopping/question/, as of 2026-10-01.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, time, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import httpx
from pydantic import BaseModel

from connectors.yahoo_shopping import advice
from connectors.yahoo_shopping.refusal import Refusal, parse_refusal
from connectors.yahoo_shopping.settings import YahooShoppingSettings
from connectors.yahoo_shopping.signature import ACCEPTED, STATUS_HEADER, Signature
from connectors.yahoo_shopping.tokens import AccessTokens
from connectors.yahoo_shopping.wire import NewTopicAnswer, PostAnswer, StatusAnswer, TopicList, UploadAnswer
from gateway.sdk import (
    AuthenticationError,
    ChannelContext,
    ConnectorError,
    MallClient,
    RateLimitedError,
    RejectedError,
)

logger = logging.getLogger(__name__)

JAPAN = ZoneInfo("Asia/Tokyo")
API = "/ShoppingWebService/V1/"
API_V2 = "/ShoppingWebService/V2/"
# The documented rule: wait and try again at most three times, and only when reading.
READ_ATTEMPTS = 4
REFRESHABLE = frozenset({"expired_token", "invalid_token"})
DAILY_LIMIT_TEXT = "your request was forbidden"
SHORT_SESSION_TEXT = "api session is shorter"
SIGNATURE_MEMO = "signature-status"
SIGNATURE_MEMO_LIFE = timedelta(days=400)

Answer = TypeVar("Answer", bound=BaseModel)


class YahooShoppingClient:
    """Calls of one store account, with its tokens, its key and its place in the queue."""

    def __init__(self, settings: YahooShoppingSettings, context: ChannelContext) -> None:
        self._settings = settings
        self._context = context
        self._tokens = AccessTokens(settings, context)
        self._signature = Signature(settings)
        self._limited_in_a_row = 0
        self._signature_is_accepted: bool | None = None
        self.clock_skew: timedelta | None = None
        """Our clock minus the mall's, from the last answer; None where the mall did not tell its time."""
        self._http = MallClient(
            settings.api_base_url,
            context,
            authorise=self._authorise,
            classify=self._classify,
            request_interval=settings.request_interval,
            read_attempts=READ_ATTEMPTS,
            secrets=(
                settings.client_secret.get_secret_value(),
                settings.refresh_token.get_secret_value(),
                settings.public_key.get_secret_value(),
            ),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()
        await self._tokens.aclose()

    @property
    def signature_is_accepted(self) -> bool | None:
        """Whether the last answer accepted the public-key header; None before the first answer."""
        return self._signature_is_accepted

    # Reading

    async def list_topics(
        self,
        *,
        start: int,
        result: int,
        order: str = "userPostTime",
        between: tuple[datetime, datetime] | None = None,
        request_filter: str | None = None,
    ) -> TopicList:
        """Return rows from row number `start` (1-based), newest by `order` first; `between` includes both ends."""
        query = {
            "sellerId": self._settings.seller_id,
            "start": str(start),
            "result": str(result),
            "sort": order,
            "sortOrder": "desc",
        }
        if between:
            first, last = between
            query |= {
                "dateType": order,
                "startDate": str(int(first.timestamp())),
                "endDate": str(int(last.timestamp())),
            }
        if request_filter:
            query["requestFilter"] = request_filter
        return self._parse(TopicList, await self._get("externalTalkList", query))

    async def get_topic(self, topic_id: str) -> dict[str, Any]:
        """Return the detail answer of one topic, untouched."""
        query = {"sellerId": self._settings.seller_id, "topicId": topic_id}
        response = await self._get("externalTalkDetail", query)
        try:
            detail = response.json()
        except (ValueError, RecursionError):
            detail = None
        if not isinstance(detail, dict):
            raise self._http.unreadable(response, is_send=False)
        return detail

    async def download_file(self, object_key: str, *, max_bytes: int) -> httpx.Response:
        """Return the answer with the bytes of a file."""
        query = {"key": object_key, "sellerId": self._settings.seller_id}
        return await self._get("externalTalkFileDownload", query, max_bytes=max_bytes)

    # Writing

    async def post_message(self, topic_id: str, body: str, files: Sequence[dict[str, str]] = ()) -> PostAnswer:
        """Post to the customer, who gets a mail. There is no idempotency key and no way to take it back.

        Raises:
            UnknownOutcomeError: also for 200 without a message id.
        """
        message: dict[str, Any] = {"sellerId": self._settings.seller_id, "body": body}
        if files:
            message["fileList"] = list(files)
        response = await self._send(API + "externalTalkAdd", params={"topicId": topic_id}, **_json(message))
        return self._parse(PostAnswer, response, is_send=True)

    async def start_topic(self, *, order_id: str, category_id: int, title: str, body: str) -> str:
        """Start a topic on a shopping order (version 2) and return its id; categories 30 to 44, no parents."""
        topic = {"categoryId": category_id, "orderId": order_id, "title": title, "body": body}
        return await self._start(API_V2 + "externalStoreTopic", topic)

    async def start_auction_topic(
        self,
        *,
        category_id: int,
        title: str,
        body: str,
        order_id: str | None = None,
        auction: tuple[str, str] | None = None,
    ) -> str:
        """Start a topic on an auction (production only): after the order by `order_id`, before it by auction and
        pre-order id; categories 45 to 60."""
        target = {"orderId": order_id} if auction is None else {"aucId": auction[0], "preOrderId": auction[1]}
        topic = {"categoryId": category_id, **target, "title": title, "body": body}
        return await self._start(API + "externalAucStoreTopic", topic)

    async def mark_read(self, topic_id: str) -> StatusAnswer:
        """Mark a topic as read by the store."""
        return await self._put("externalTalkRead", topic_id)

    async def complete_topic(self, topic_id: str, condition: int) -> StatusAnswer:
        """Complete a topic; condition 1 needs a post of the store, 2 to 5 need nothing. Cannot be undone."""
        return await self._put("externalTalkComplete", topic_id, completeConditionId=str(condition))

    async def make_private(self, topic_id: str) -> StatusAnswer:
        """Make a topic private. Cannot be undone."""
        return await self._put("externalTalkPrivate", topic_id)

    async def upload_file(self, topic_id: str, name: str, content: bytes, content_type: str) -> str:
        """Upload a file, which posts nothing, and return its object key. May be repeated: an orphan harms nobody."""
        response = await self._repeat(
            "POST",
            "externalTalkFileAdd",
            params={"topicId": topic_id, "sellerId": self._settings.seller_id},
            files={"file": (name, content, content_type)},
        )
        return self._parse(UploadAnswer, response).object_key

    async def delete_file(self, object_key: str) -> StatusAnswer:
        """Delete a file that was uploaded and not posted; `ng` with status 200 means that it was not deleted."""
        query = {"key": object_key, "sellerId": self._settings.seller_id}
        return self._parse(StatusAnswer, await self._repeat("DELETE", "externalTalkFileDelete", params=query))

    # One call

    async def _get(self, name: str, query: dict[str, str], **options: Any) -> httpx.Response:
        return await self._call(lambda: self._http.get(API + name, operation=name, params=query, **options))

    async def _repeat(self, method: str, name: str, **request: Any) -> httpx.Response:
        return await self._call(lambda: self._http.repeat(method, API + name, operation=name, **request))

    async def _put(self, name: str, topic_id: str, **members: str) -> StatusAnswer:
        body = {"sellerId": self._settings.seller_id, **members}
        return self._parse(StatusAnswer, await self._repeat("PUT", name, params={"topicId": topic_id}, **_json(body)))

    async def _start(self, path: str, topic: dict[str, Any]) -> str:
        response = await self._send(path, **_json({"sellerId": self._settings.seller_id, **topic}))
        answer = self._parse(NewTopicAnswer, response, is_send=True)
        topic_id = answer.topic_id or answer.topicid
        if topic_id is None:
            raise self._http.unreadable(response, is_send=True)
        return topic_id

    async def _send(self, path: str, **request: Any) -> httpx.Response:
        operation = path.rpartition("/")[2]
        return await self._call(lambda: self._http.send("POST", path, operation=operation, **request))

    async def _call(self, call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """Make a call; after a refused access token renew it and make the call once more.

        That is safe for posts too: a 401 means that nothing was stored.
        """
        # Renewing before the call takes its slot keeps the distance between two calls of the API.
        tokens = await self._tokens.current()
        try:
            response = await _without_token(tokens, call)
        except AuthenticationError as error:
            if error.code not in REFRESHABLE:
                raise
            response = await _without_token(await self._tokens.renewed(tokens), call)
        self._limited_in_a_row = 0
        await self._watch(response)
        return response

    async def _authorise(self, request: httpx.Request) -> None:
        tokens = await self._tokens.current()
        request.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        request.headers.update(self._signature.headers(self._context.now()))

    async def _watch(self, response: httpx.Response) -> None:
        """Notice what an accepted call tells beside its answer: the state of the key header, and the mall's time.

        A refused key header is answered with 200 until 12 hours after the authorisation, so only this header warns.
        """
        is_accepted = response.headers.get(STATUS_HEADER, "").strip().lower() == ACCEPTED
        if is_accepted != self._signature_is_accepted:
            self._signature_is_accepted = is_accepted
            await self._log_signature(is_accepted)
        dates = response.headers.get_list("date")
        try:
            self.clock_skew = self._context.now() - parsedate_to_datetime(dates[-1]) if dates else None
        except (ValueError, TypeError):
            self.clock_skew = None

    async def _log_signature(self, is_accepted: bool) -> None:
        word = b"accepted" if is_accepted else b"refused"
        before = await self._context.memo.recall(SIGNATURE_MEMO)
        if before == word:
            return
        await self._context.memo.replace(SIGNATURE_MEMO, word, ttl=SIGNATURE_MEMO_LIFE)
        extra = {"channel_id": self._context.channel_id, "connector": "yahoo_shopping"}
        if not is_accepted:
            logger.warning("signature.refused", extra=extra)
        elif before is not None:
            logger.info("signature.accepted", extra=extra)

    # Answers

    def _parse(self, shape: type[Answer], response: httpx.Response, *, is_send: bool = False) -> Answer:
        try:
            # Not pydantic's own parser: it refuses a whole page for half an emoji in one row.
            return shape.model_validate(response.json())
        except (ValueError, RecursionError):
            # No cause: it would quote the answer.
            raise self._http.unreadable(response, is_send=is_send) from None

    def _classify(self, response: httpx.Response, is_send: bool) -> ConnectorError | None:
        status, refusal = response.status_code, parse_refusal(response.content)
        # A post that met 503 may have been stored; the table of MallClient knows that.
        if status == 429 or (status == 503 and not is_send):
            return self._limited(response)
        if status in {401, 403}:
            access = self._refused_access(response, refusal)
            if access is not None or status == 401:
                return access
        if 400 <= status < 500 and status not in {408, 425}:
            reason = self._http.redact(refusal.message) or "no reason given"
            message = f"{response.request.url.path} was refused with {status}: {reason}"
            return RejectedError(message, code=refusal.code or "rejected")
        return None

    def _refused_access(self, response: httpx.Response, refusal: Refusal) -> ConnectorError | None:
        if DAILY_LIMIT_TEXT in refusal.message.lower() or DAILY_LIMIT_TEXT in response.text.lower():
            return self._daily_limit()
        code = refusal.code or _sign_of_token(response, refusal)
        known = advice.BY_CODE.get(code)
        if known:
            return AuthenticationError(advice.both(known), code=code)
        return None

    def _limited(self, response: httpx.Response) -> RateLimitedError:
        wait = self._settings.back_off * 2 ** min(self._limited_in_a_row, 2)
        self._limited_in_a_row += 1
        return RateLimitedError("the mall asks to slow down", retry_after=self._http.retry_after(response, wait))

    def _daily_limit(self) -> RateLimitedError:
        now = self._context.now().astimezone(JAPAN)
        reset = datetime.combine(now.date(), time(self._settings.daily_limit_reset_hour), JAPAN)
        if reset <= now:
            reset += timedelta(days=1)
        return RateLimitedError(
            "the mall's daily limit of requests of this application is used up; reading and sending go on at "
            f"{reset:%Y-%m-%d %H:%M} Japan time",
            retry_after=reset - now,
            code="daily_limit",
        )


def _json(members: dict[str, Any]) -> dict[str, Any]:
    """Return the request options of a JSON body, under the content type that public clients send."""
    body = json.dumps(members, ensure_ascii=False).encode()
    return {"content": body, "headers": {"Content-Type": "application/json; charset=utf-8"}}


def _sign_of_token(response: httpx.Response, refusal: Refusal) -> str:
    """Return what is wrong with the access token, from the headers or, without them, from the text."""
    headers = response.headers.get("www-authenticate", "") + response.headers.get("x-yahooj-autherror", "")
    signs = f"{headers} {refusal.message}".lower()
    if SHORT_SESSION_TEXT in signs:
        return "px-04102"
    if "insufficient_scope" in signs:
        return "insufficient_scope"
    if response.status_code != httpx.codes.UNAUTHORIZED:
        return ""
    if "expired token" in signs or "token is expired" in signs:
        return "expired_token"
    return "invalid_token" if "invalid_token" in signs else ""


async def _without_token(tokens: Mapping[str, str], call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """Make a call whose errors do not show the access token, should the mall repeat it."""
    try:
        return await call()
    except ConnectorError as error:
        error.evidence = _without(tokens["access_token"], error.evidence)
        raise


def _without(token: str, evidence: str) -> str:
    """Return `evidence` without `token`, also without its beginning where the evidence was cut inside it."""
    evidence = evidence.replace(token, "***")
    for length in range(min(len(token), len(evidence)), 3, -1):
        if evidence.endswith(token[:length]):
            return evidence[:-length] + "***"
    return evidence
