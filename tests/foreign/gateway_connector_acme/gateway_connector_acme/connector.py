"""The whole connector in one file, since the board has one call."""

import json
from typing import Annotated, Any

import httpx
from pydantic import AwareDatetime, BaseModel, Field, SecretStr, ValidationError

from gateway.sdk import (
    Access,
    AuthorRole,
    Capabilities,
    ChannelContext,
    ChannelSettings,
    Connector,
    Inquiry,
    MallClient,
    MappingError,
    Message,
    Page,
    RawRecord,
    Source,
    Text,
)

PAGE_SIZE = 20


class AcmeSettings(ChannelSettings):
    """Where the board is, and who we are there."""

    base_url: Annotated[str, Field(description="Address of the board.")]
    access_token: Annotated[SecretStr, Field(description="Token of the shop.")]


class WirePost(BaseModel):
    number: int
    by_shop: bool
    text: str
    at: AwareDatetime


class WireThread(BaseModel):
    id: Annotated[str, Field(min_length=1, max_length=100)]
    title: str
    posts: Annotated[list[WirePost], Field(min_length=1)]


class WireFeed(BaseModel):
    threads: list[Any]
    next: int
    has_more: bool


class AcmeConnector(Connector[AcmeSettings]):
    """Reads the feed of changed threads from where it stopped."""

    key = "acme"
    name = Text(ja="アクメ掲示板", en="Acme Classifieds")
    settings_type = AcmeSettings
    capabilities = Capabilities(
        can_read_thread=False,
        proves_absence=False,
        page_size=PAGE_SIZE,
        no_reply_reason=Text(ja="掲示板の画面で返信してください。", en="Answer in the board's own screen."),
        sources=(Source(fact="20 threads a page", certainty="own", reference="README.md"),),
    )

    def __init__(self, settings: AcmeSettings, context: ChannelContext) -> None:
        super().__init__(settings, context)
        self._token = settings.access_token.get_secret_value()
        self._client = MallClient(settings.base_url, context, authorise=self._authorise, secrets=(self._token,))

    async def aclose(self) -> None:
        await self._client.aclose()

    async def test(self) -> Access:
        await self._feed(0)
        return Access(account="acme")

    async def fetch(self, cursor: str | None) -> Page:
        feed = await self._feed(int(cursor) if cursor and cursor.isascii() and cursor.isdigit() else 0)
        return Page(
            records=tuple(map(_to_record, feed.threads)),
            cursor=str(feed.next),
            has_more=feed.has_more,
        )

    def normalise(self, record: RawRecord) -> Inquiry:
        try:
            return _to_inquiry(WireThread.model_validate_json(record.payload))
        except ValidationError as error:
            raise MappingError(f"no thread of the board: {error.error_count()} members are wrong") from None

    async def _feed(self, after: int) -> WireFeed:
        response = await self._client.get("/feed", operation="feed", params={"after": after})
        try:
            return WireFeed.model_validate_json(response.content)
        except ValidationError as error:
            raise self._client.unreadable(response, is_send=False) from error

    async def _authorise(self, request: httpx.Request) -> None:
        request.headers["Authorization"] = f"Bearer {self._token}"


def _to_record(thread: Any) -> RawRecord:
    known = thread.get("id") if isinstance(thread, dict) else None
    return RawRecord(
        payload=json.dumps(thread).encode(), external_id=known if known and isinstance(known, str) else None
    )


def _to_inquiry(thread: WireThread) -> Inquiry:
    posts = sorted({post.number: post for post in thread.posts}.values(), key=lambda post: post.at)
    return Inquiry(
        external_id=thread.id,
        subject=thread.title,
        opened_at=posts[0].at,
        updated_at=posts[-1].at,
        messages=tuple(
            Message(
                external_id=f"{thread.id}#{post.number}",
                author_role=AuthorRole.SHOP if post.by_shop else AuthorRole.CUSTOMER,
                sent_at=post.at,
                text=post.text,
            )
            for post in posts
        ),
    )
