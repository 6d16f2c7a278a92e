"""One method per endpoint of Example Market; wire shapes in, wire shapes out."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from connectors.example.settings import ExampleSettings
from connectors.example.wire import WireFlagResults, WireList, WirePosted, WireReply, WireShop, WireUploaded
from gateway.sdk import ChannelContext, MallClient, OutboundFile, RejectedError

W = TypeVar("W", bound=BaseModel)


class ExampleClient:
    """The market's API, for one shop."""

    def __init__(self, settings: ExampleSettings, context: ChannelContext) -> None:
        self._key = settings.api_key.get_secret_value()
        self._http = MallClient(
            settings.base_url,
            context,
            authorise=self._authorise,
            request_interval=timedelta(seconds=settings.request_interval),
            secrets=(self._key,),
        )

    async def aclose(self) -> None:
        await self._http.aclose()

    async def get_shop(self) -> WireShop:
        response = await self._http.get("/shop", operation="get_shop")
        return self._read(WireShop, response)

    async def list_inquiries(self, start: datetime, end: datetime, *, page: int, page_size: int) -> WireList:
        query = {"updatedFrom": start.isoformat(), "updatedTo": end.isoformat(), "page": page, "pageSize": page_size}
        response = await self._http.get("/inquiries", operation="list_inquiries", params=query)
        return self._read(WireList, response)

    async def get_inquiry(self, inquiry_id: str) -> bytes | None:
        try:
            response = await self._http.get(f"/inquiries/{inquiry_id}", operation="get_inquiry")
        except RejectedError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise
        return response.content

    async def get_file(self, file_id: str, *, max_bytes: int) -> httpx.Response:
        return await self._http.get(f"/files/{file_id}", operation="get_file", max_bytes=max_bytes)

    async def post_file(self, file: OutboundFile) -> WireUploaded:
        # An upload that no message uses is dropped by the market after a day, so it may be repeated.
        upload = {"file": (file.name, file.content, file.content_type)}
        response = await self._http.repeat("POST", "/files", operation="post_file", files=upload)
        return self._read(WireUploaded, response)

    async def post_message(self, inquiry_id: str, reply: WireReply) -> WirePosted:
        path = f"/inquiries/{inquiry_id}/messages"
        response = await self._http.send("POST", path, operation="post_message", json=reply.model_dump())
        return self._read(WirePosted, response, is_send=True)

    async def put_flag(self, flag: str, value: bool, inquiry_ids: Sequence[str]) -> WireFlagResults:
        body = {"flag": flag, "value": value, "inquiryIds": list(inquiry_ids)}
        response = await self._http.repeat("PUT", "/flags", operation="put_flag", json=body)
        return self._read(WireFlagResults, response)

    async def _authorise(self, request: httpx.Request) -> None:
        request.headers["X-Api-Key"] = self._key

    def _read(self, shape: type[W], response: httpx.Response, *, is_send: bool = False) -> W:
        try:
            return shape.model_validate_json(response.content)
        except ValidationError as error:
            raise self._http.unreadable(response, is_send=is_send) from error
