"""The operations of the inquiry API."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.datastructures import UploadFile

from connectors.yahoo_shopping.category import AUCTION
from connectors.yahoo_shopping.simulator.answers import Refused, json_answer
from connectors.yahoo_shopping.simulator.gate import Gate
from connectors.yahoo_shopping.simulator.options import Options
from connectors.yahoo_shopping.simulator.topics import TalkFile, Topic, Topics, Window
from gateway.sdk.testing import SimulatedClock, SimulatedFile

METHODS = ["GET", "POST", "PUT", "DELETE", "PATCH"]
MAX_CHARS = 2000
GROUPS = ("answered", "unanswered", "completed")
POST_TIMES = ("userPostTime", "sellerPostTime")
STORE_CATEGORIES = frozenset(range(30, 45)) - {30, 34, 39}
BEGINNINGS = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}
_ENCRYPTED_PDF = re.compile(rb"/Encrypt\b")


class Call:
    """One call that is being answered: its query, and its JSON body if it has one."""

    def __init__(self, request: Request, body: dict[str, Any], file: SimulatedFile | None = None) -> None:
        self.query = request.query_params
        self.body = body
        self.file = file

    @property
    def seller_id(self) -> str | None:
        """The store account, wherever the operation puts it."""
        value = self.query.get("sellerId") or self.body.get("sellerId")
        return value if isinstance(value, str) else None


Operation = Callable[[Call], Awaitable[Response]]


class Operations:
    """Answers calls from what the mall holds."""

    def __init__(self, gate: Gate, topics: Topics, clock: SimulatedClock, options: Options) -> None:
        self._gate = gate
        self._topics = topics
        self._clock = clock
        self._options = options
        self._thumbnails = 0
        self._table: dict[tuple[str, str, str], Operation] = {
            ("GET", "V1", "externalTalkList"): self._list,
            ("GET", "V1", "externalTalkDetail"): self._detail,
            ("POST", "V1", "externalTalkAdd"): self._add,
            ("PUT", "V1", "externalTalkRead"): self._read,
            ("PUT", "V1", "externalTalkComplete"): self._complete,
            ("PUT", "V1", "externalTalkPrivate"): self._private,
            ("POST", "V1", "externalTalkFileAdd"): self._file_add,
            ("GET", "V1", "externalTalkFileDownload"): self._file_download,
            ("DELETE", "V1", "externalTalkFileDelete"): self._file_delete,
            ("POST", "V2", "externalStoreTopic"): self._store_topic,
            ("POST", "V1", "externalAucStoreTopic"): self._auction_topic,
        }

    def add_routes(self, app: FastAPI) -> None:
        """Serve every path of the API host, the unknown ones too."""
        app.add_api_route("/ShoppingWebService/{version}/{name}", self._answer, methods=METHODS)
        app.add_api_route("/{rest:path}", self._answer_unknown, methods=METHODS)

    async def _answer(self, request: Request, version: str, name: str) -> Response:
        operation = self._table.get((request.method, version, name))
        if operation is None:
            return await self._answer_unknown(request)
        headers: dict[str, str] = {}
        try:
            call = await _read_call(request)
            headers = self._gate.check(request, call.seller_id, is_known_path=True)
            if not call.seller_id:
                raise self._question("sellerId is required")
            response = await operation(call)
        except Refused as refused:
            response = refused.response(self._options)
        response.headers.update(headers)
        return response

    async def _answer_unknown(self, request: Request) -> Response:
        try:
            self._gate.check(request, None, is_known_path=False)
        except Refused as refused:
            return refused.response(self._options)
        raise AssertionError("the gate refuses unknown paths")

    # Reading

    async def _list(self, call: Call) -> Response:
        start, result = self._number(call, "start", 1), self._number(call, "result", 20)
        if result > self._options.max_result:
            raise self._question("result is invalid")
        groups = [group for group in call.query.get("requestFilter", "").split(",") if group]
        if not set(groups) <= set(GROUPS):
            raise self._question("requestFilter is invalid")
        topics = self._topics.listed(
            order=self._choice(call, "sort", POST_TIMES) or "userPostTime",
            is_ascending=self._choice(call, "sortOrder", ("asc", "desc")) == "asc",
            window=self._window(call),
            groups=groups or GROUPS,
            matches=self._matches(call),
        )
        shown = topics[start - 1 : start - 1 + result]
        return json_answer(
            {
                "summary": {
                    "filter": ",".join(groups).upper() or "all",
                    "unansweredCount": sum(topic.group == "unanswered" for topic in self._topics.all.values()),
                    "topic": {"start": start, "end": start - 1 + len(shown), "count": len(topics)},
                },
                "headlines": [topic.row() for topic in shown],
            }
        )

    def _window(self, call: Call) -> Window | None:
        date_type = self._choice(call, "dateType", POST_TIMES)
        if date_type is None:
            return None
        if self._options.needs_dates_with_date_type and not {"startDate", "endDate"} <= call.query.keys():
            raise self._question("startDate and endDate are required")
        return Window(date_type, self._number(call, "startDate", 0), self._number(call, "endDate", 2**40))

    def _matches(self, call: Call) -> dict[str, Any]:
        matches: dict[str, Any] = {
            "qa_type": self._choice(call, "qaType", ("item", "order")),
            "first_poster": self._choice(call, "firstPoster", ("seller", "user")),
            "service_type": self._choice(call, "serviceType", ("shp", "auc")),
        }
        privacy = self._choice(call, "isPrivate", ("true", "false"))
        if privacy:
            matches["is_private"] = privacy == "true"
        if "category" in call.query:
            matches["category"] = self._number(call, "category", 0)
        return {name: value for name, value in matches.items() if value is not None}

    async def _detail(self, call: Call) -> Response:
        # Whether this marks the topic as read is not stated; there is an operation of its own for that.
        self._thumbnails += 1
        return json_answer(self._topic(call).detail(f"invented{self._thumbnails}"))

    async def _file_download(self, call: Call) -> Response:
        file = self._topics.files.get(call.query.get("key", ""))
        if file is None:
            raise Refused(404, "The requested file does not exist.", is_always_xml=True)
        return Response(file.content, media_type=file.content_type)

    # Writing

    async def _add(self, call: Call) -> Response:
        topic, body = self._topic(call), self._text(call, "body", MAX_CHARS)
        files = [self._uploaded(topic, entry) for entry in call.body.get("fileList") or ()]
        message = self._topics.post(topic, "seller", body, self._now(), files=files, is_api=True)
        number = message.message_id
        return json_answer(
            {
                "topicid": topic.topic_id,
                "messageid": number if self._options.message_id_is_number else str(number),
                "postdate": str(message.posted_at),
            }
        )

    def _uploaded(self, topic: Topic, entry: Any) -> TalkFile:
        names = ("fileName", "filePath", "fileExt")
        if not isinstance(entry, dict) or not all(isinstance(entry.get(name), str) and entry[name] for name in names):
            raise self._question("fileList is invalid")
        file = self._topics.files.get(entry["filePath"])
        if file is None or file.is_posted or not file.object_key.startswith(topic.topic_id):
            raise self._question("filePath is invalid")
        file.name, file.extension = entry["fileName"], entry["fileExt"]
        return file

    async def _read(self, call: Call) -> Response:
        topic = self._topic(call)
        topic.is_unread = False
        topic.seller_last_read = self._now()
        return json_answer({"status": "ok"})

    async def _complete(self, call: Call) -> Response:
        topic = self._topic(call)
        condition = str(call.body.get("completeConditionId") or "1")
        if condition not in {"1", "2", "3", "4", "5"}:
            raise self._question("completeConditionId is invalid")
        if condition == "1" and not topic.is_completed and not self._counts_as_answered(topic):
            raise self._question("the topic has no answer")
        if not topic.is_completed:
            topic.condition = int(condition)
        return json_answer({"status": "ok"})

    def _counts_as_answered(self, topic: Topic) -> bool:
        return any(
            message.poster == "seller" and (message.is_api or self._options.screen_replies_count_as_posts)
            for message in topic.messages
        )

    async def _private(self, call: Call) -> Response:
        self._topic(call).is_private = True
        return json_answer({"status": "ok"})

    async def _file_add(self, call: Call) -> Response:
        topic = self._topic(call)
        if call.file is None:
            raise self._question("file is required")
        content = call.file.content
        kind = next((kind for beginning, kind in BEGINNINGS.items() if content.startswith(beginning)), None)
        if topic.service_type == "auc" or not topic.is_private:
            raise self._question("files can not be added to this topic")
        if kind is None or (kind == "application/pdf" and _ENCRYPTED_PDF.search(content)):
            raise self._question("the file type is invalid")
        if len(content) > self._options.max_file_bytes:
            raise self._question("the file is too large")
        claimed = call.file.content_type or kind
        file = self._topics.keep_file(topic, "seller", call.file.name, claimed, content, self._now())
        return json_answer({"objectKey": file.object_key})

    async def _file_delete(self, call: Call) -> Response:
        file = self._topics.files.get(call.query.get("key", ""))
        if file is None:
            raise Refused(404, "key is invalid", is_question=True)
        if file.is_posted:
            return json_answer({"status": "ng"})
        del self._topics.files[file.object_key]
        return json_answer({"status": "ok"})

    # Starting

    async def _store_topic(self, call: Call) -> Response:
        category = call.body.get("categoryId")
        if category not in STORE_CATEGORIES:
            raise self._question("categoryId is invalid")
        return self._start(call, category, order_id=self._text(call, "orderId", 200), service_type="shp")

    async def _auction_topic(self, call: Call) -> Response:
        category = call.body.get("categoryId")
        if not self._options.has_auctions or category not in AUCTION:
            raise self._question("categoryId is invalid")
        order_id = self._text(call, "orderId", 200) if call.body.get("orderId") else None
        if order_id is None:
            self._text(call, "aucId", 200)
            self._text(call, "preOrderId", 200)
        return self._start(call, category, order_id=order_id, service_type="auc")

    def _start(self, call: Call, category: Any, **members: Any) -> Response:
        title, body = self._text(call, "title", MAX_CHARS), self._text(call, "body", MAX_CHARS)
        topic = self._topics.open(
            title=title, qa_type="order", category=category, customer=900, first_poster="seller", **members
        )
        self._topics.post(topic, "seller", body, self._now(), is_api=True)
        if self._options.store_started_topics_have_user_post_time:
            topic.user_post_time = self._now()
        return json_answer({"topicid": topic.topic_id})

    # Parameters

    def _now(self) -> int:
        return int(self._clock.now().timestamp())

    def _question(self, reason: str) -> Refused:
        return Refused(self._options.question_error_status, reason, is_question=True)

    def _topic(self, call: Call) -> Topic:
        topic = self._topics.all.get(call.query.get("topicId", ""))
        if topic is None:
            raise self._question("topicId is invalid")
        return topic

    def _text(self, call: Call, name: str, max_chars: int) -> str:
        value = call.body.get(name)
        if not isinstance(value, str) or not 0 < len(value) <= max_chars:
            raise self._question(f"{name} is invalid")
        return value

    def _number(self, call: Call, name: str, default: int) -> int:
        value = call.query.get(name, str(default))
        if not value.isdecimal() or (name in {"start", "result"} and int(value) < 1):
            raise self._question(f"{name} is invalid")
        return int(value)

    def _choice(self, call: Call, name: str, choices: tuple[str, ...]) -> str | None:
        value = call.query.get(name)
        if value is not None and value not in choices:
            raise self._question(f"{name} is invalid")
        return value


async def _read_call(request: Request) -> Call:
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        async with request.form() as form:
            part = form.get("file")
            if not isinstance(part, UploadFile):
                return Call(request, {})
            content = await part.read()
        name, claimed = part.filename or "file", part.content_type or ""
        return Call(request, {}, SimulatedFile(name=name, content_type=claimed, content=content))
    try:
        body = json.loads(await request.body() or b"{}")
    except ValueError:
        body = {}
    return Call(request, body if isinstance(body, dict) else {})
