"""MallClient: what each failure means, what is repeated, what is awaited, and what is never said."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from gateway.sdk import (
    AuthenticationError,
    ChannelContext,
    ConnectorError,
    MallClient,
    RateLimitedError,
    RejectedError,
    RetryableError,
    UnknownOutcomeError,
)
from gateway.sdk.testing import MemoryBudget, memory_context

NOW = datetime(2026, 11, 18, 1, 23, 45, tzinfo=UTC)
BASE_URL = "https://mall.example"
SECRET = "sk-very-secret"

Call = Callable[[MallClient], Awaitable[httpx.Response]]


async def read(client: MallClient) -> httpx.Response:
    return await client.get("/things", operation="list_things")


async def repeat(client: MallClient) -> httpx.Response:
    return await client.repeat("PUT", "/things", operation="mark_thing")


async def send(client: MallClient) -> httpx.Response:
    return await client.send("POST", "/things", operation="post_thing", json={"text": "こんにちは"})


class Waits:
    """Notes the waits and returns at once."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def context(waits: Waits) -> ChannelContext:
    return replace(memory_context(lambda: NOW), sleep=waits.sleep)


@pytest.fixture
async def client(context: ChannelContext) -> AsyncIterator[MallClient]:
    client = MallClient(BASE_URL, context, secrets=(SECRET, ""))
    yield client
    await client.aclose()


@pytest.fixture
def mall() -> Any:
    with respx.mock(base_url=BASE_URL, assert_all_called=False) as router:
        yield router.route(path="/things")


def taken(context: ChannelContext) -> list[bool]:
    assert isinstance(context.budget, MemoryBudget)
    return context.budget.taken


NOTHING_WAS_SENT = [
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
]
PERHAPS_IT_WAS = [
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.ReadError,
    httpx.WriteError,
    httpx.CloseError,
    httpx.RemoteProtocolError,
    httpx.DecodingError,
    httpx.TooManyRedirects,
]


def test_the_table_names_every_transport_error_of_httpx() -> None:
    def leaves(kind: type[Exception]) -> set[type[Exception]]:
        below = kind.__subclasses__()
        return {leaf for one in below for leaf in leaves(one)} if below else {kind}

    of_httpx = {kind for kind in leaves(httpx.RequestError) if kind.__module__ == "httpx"}

    assert of_httpx == {*NOTHING_WAS_SENT, *PERHAPS_IT_WAS}


@pytest.mark.parametrize("kind", [*NOTHING_WAS_SENT, *PERHAPS_IT_WAS])
@pytest.mark.parametrize("call", [read, repeat])
async def test_a_repeatable_call_that_keeps_failing_may_be_tried_again_later(
    client: MallClient, context: ChannelContext, waits: Waits, mall: Any, kind: type[Exception], call: Call
) -> None:
    mall.mock(side_effect=kind("broken"))

    with pytest.raises(RetryableError) as caught:
        await call(client)

    assert type(caught.value) is RetryableError
    assert isinstance(caught.value.__cause__, kind)
    assert caught.value.code == ("not_connected" if kind in NOTHING_WAS_SENT else "connection_lost")
    assert mall.call_count == 3
    assert waits.seconds == [1, 2]
    assert taken(context) == [False] * 3


@pytest.mark.parametrize("kind", NOTHING_WAS_SENT)
async def test_a_send_that_never_left_may_be_tried_again(
    client: MallClient, context: ChannelContext, mall: Any, kind: type[Exception]
) -> None:
    mall.mock(side_effect=kind("broken"))

    with pytest.raises(RetryableError, match="nothing was sent"):
        await send(client)

    assert mall.call_count == 1
    assert taken(context) == [True]


@pytest.mark.parametrize("kind", PERHAPS_IT_WAS)
async def test_a_send_that_may_have_left_is_unknown_and_not_repeated(
    client: MallClient, waits: Waits, mall: Any, kind: type[Exception]
) -> None:
    mall.mock(side_effect=kind("broken"))

    with pytest.raises(UnknownOutcomeError, match="may have arrived"):
        await send(client)

    assert mall.call_count == 1
    assert waits.seconds == []


@pytest.mark.parametrize(
    ("status", "of_read", "of_send"),
    [
        (301, RejectedError, RejectedError),
        (302, RejectedError, RejectedError),
        (304, RejectedError, RejectedError),
        (400, RejectedError, RejectedError),
        (401, AuthenticationError, AuthenticationError),
        (403, RejectedError, RejectedError),
        (404, RejectedError, RejectedError),
        (408, RateLimitedError, UnknownOutcomeError),
        (409, RejectedError, RejectedError),
        (413, RejectedError, RejectedError),
        (422, RejectedError, RejectedError),
        (425, RateLimitedError, RateLimitedError),
        (429, RateLimitedError, RateLimitedError),
        (500, RetryableError, UnknownOutcomeError),
        (502, RetryableError, UnknownOutcomeError),
        (503, RetryableError, UnknownOutcomeError),
        (504, RetryableError, UnknownOutcomeError),
        (599, RetryableError, UnknownOutcomeError),
    ],
)
async def test_an_error_status_becomes_the_error_of_the_table(
    client: MallClient, mall: Any, status: int, of_read: type[ConnectorError], of_send: type[ConnectorError]
) -> None:
    mall.respond(status, text="no", headers={"location": "https://elsewhere.example/"})

    for call, expected in ((read, of_read), (repeat, of_read), (send, of_send)):
        before = mall.call_count
        with pytest.raises(ConnectorError) as caught:
            await call(client)

        assert type(caught.value) is expected
        assert caught.value.status == status
        assert caught.value.evidence == "no"
        is_repeated = call is not send and issubclass(expected, RetryableError)
        assert mall.call_count - before == (3 if is_repeated else 1)


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_a_success_is_returned_as_it_is(client: MallClient, mall: Any, status: int) -> None:
    mall.respond(status, content=b"\x00\xff", headers={"x-own": "1"})

    for call in (read, repeat, send):
        response = await call(client)

        assert (response.status_code, response.content, response.headers["x-own"]) == (status, b"\x00\xff", "1")


async def test_a_read_that_works_at_last_is_returned(client: MallClient, context: ChannelContext, mall: Any) -> None:
    mall.mock(side_effect=[httpx.ReadTimeout("slow"), httpx.Response(503), httpx.Response(200, json=[1])])

    response = await read(client)

    assert response.json() == [1]
    assert taken(context) == [False] * 3


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("7", timedelta(seconds=7)),
        (" 7 ", timedelta(seconds=7)),
        ("0", timedelta()),
        ("Wed, 18 Nov 2026 01:24:00 GMT", timedelta(seconds=15)),
        ("Wed, 18 Nov 2026 10:24:00 +0900", timedelta(seconds=15)),
        ("Wed, 18 Nov 2026 01:24:00 -0000", timedelta(seconds=15)),
        ("Wed, 18 Nov 2026 01:00:00 GMT", timedelta()),
        ("Wed, 18 Nov 2099 01:00:00 GMT", timedelta(hours=24)),
        ("99999999999999999999", timedelta(hours=24)),
        ("", timedelta(seconds=10)),
        ("-1", timedelta(seconds=10)),
        ("1.5", timedelta(seconds=10)),
        ("soon", timedelta(seconds=10)),
        ("Wed, 99 Nov 2026", timedelta(seconds=10)),
        ("Wed, 18 Nov 99999 01:00:00 GMT", timedelta(seconds=10)),
        ("²", timedelta(seconds=10)),
        ("９", timedelta(seconds=9)),
    ],
)
async def test_retry_after_is_read_in_every_form(
    client: MallClient, context: ChannelContext, mall: Any, header: str, wait: timedelta
) -> None:
    mall.respond(429, headers={"retry-after": header.encode()})

    with pytest.raises(RateLimitedError) as caught:
        await send(client)

    assert caught.value.retry_after == wait
    assert isinstance(context.budget, MemoryBudget)
    assert context.budget.pauses == [wait]


async def test_a_short_wait_is_waited_for_in_place(client: MallClient, waits: Waits, mall: Any) -> None:
    mall.mock(side_effect=[httpx.Response(429, headers={"retry-after": "15"}), httpx.Response(200)])

    await read(client)

    assert waits.seconds == [15]


async def test_a_long_wait_is_left_to_the_engine(client: MallClient, waits: Waits, mall: Any) -> None:
    mall.respond(429, headers={"retry-after": "16"})

    with pytest.raises(RateLimitedError):
        await read(client)

    assert waits.seconds == []
    assert mall.call_count == 1


async def test_an_answer_over_the_limit_is_not_read_to_its_end(client: MallClient, mall: Any) -> None:
    class Endless(httpx.AsyncByteStream):
        sent = 0

        async def __aiter__(self) -> AsyncIterator[bytes]:
            while True:
                self.sent += 1
                yield b"x" * 1000

    endless = Endless()
    mall.mock(return_value=httpx.Response(200, stream=endless))

    with pytest.raises(RejectedError) as caught:
        await client.get("/things", operation="get_file", max_bytes=2500)

    assert caught.value.code == "answer_too_large"
    assert endless.sent == 3


async def test_an_answer_over_the_limit_leaves_a_send_unknown(client: MallClient, mall: Any) -> None:
    mall.respond(200, content=b"x" * (16 * 1024 * 1024 + 1))

    with pytest.raises(UnknownOutcomeError) as caught:
        await send(client)

    assert caught.value.code == "answer_too_large"


async def test_an_answer_of_just_the_limit_is_taken(client: MallClient, mall: Any) -> None:
    mall.respond(200, content=b"x" * 2500)

    response = await client.get("/things", operation="get_file", max_bytes=2500)

    assert len(response.content) == 2500


async def test_a_compressed_answer_is_handed_on_decoded(client: MallClient, mall: Any) -> None:
    import gzip

    mall.respond(200, content=gzip.compress("本文".encode()), headers={"content-encoding": "gzip"})

    response = await read(client)

    assert response.text == "本文"
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize("call", [read, send])
async def test_headers_of_any_bytes_do_no_harm(client: MallClient, mall: Any, call: Call) -> None:
    raw = [(b"x-shop", "ひだまり".encode()), (b"x-shop", b"\xff\xfe"), (b"Content-Length", b"2")]
    mall.mock(return_value=httpx.Response(200, headers=raw, stream=httpx.ByteStream(b"{}")))

    response = await call(client)

    assert response.json() == {}
    assert [value for name, value in response.headers.raw if name == b"x-shop"] == ["ひだまり".encode(), b"\xff\xfe"]


async def test_an_id_that_no_address_can_hold_is_refused(client: MallClient, mall: Any) -> None:
    with pytest.raises(RejectedError) as caught:
        await client.send("POST", "/things/\x00", operation="post_thing")

    assert caught.value.code == "invalid_address"
    assert mall.call_count == 0


@pytest.mark.parametrize(("is_send", "kind"), [(False, RetryableError), (True, UnknownOutcomeError)])
async def test_an_answer_that_cannot_be_read_is_judged_by_what_was_asked(
    client: MallClient, mall: Any, is_send: bool, kind: type[ConnectorError]
) -> None:
    mall.respond(200, text=f"<html>{SECRET}</html>")
    response = await read(client)

    error = client.unreadable(response, is_send=is_send)

    assert type(error) is kind
    assert error.evidence == "<html>***</html>"


async def test_the_malls_own_reading_of_an_error_comes_first(context: ChannelContext, mall: Any) -> None:
    def classify(response: httpx.Response, is_send: bool) -> ConnectorError | None:
        if response.status_code == 403:
            return AuthenticationError("not registered", code="px-04306")
        return None

    client = MallClient(BASE_URL, context, classify=classify)
    mall.respond(403, text="<Error/>")

    with pytest.raises(AuthenticationError) as caught:
        await read(client)

    assert (caught.value.code, caught.value.status, caught.value.evidence) == ("px-04306", 403, "<Error/>")
    mall.respond(404)
    with pytest.raises(RejectedError):
        await read(client)
    await client.aclose()


async def test_credentials_are_asked_for_anew_at_every_try(context: ChannelContext, mall: Any) -> None:
    tokens = iter(["first", "second", "third"])

    async def authorise(request: httpx.Request) -> None:
        request.headers["authorization"] = f"Bearer {next(tokens)}"

    client = MallClient(BASE_URL, context, authorise=authorise)
    mall.mock(side_effect=[httpx.Response(500), httpx.Response(500), httpx.Response(200)])

    await read(client)

    assert [call.request.headers["authorization"] for call in mall.calls] == [
        "Bearer first",
        "Bearer second",
        "Bearer third",
    ]
    await client.aclose()


@pytest.mark.parametrize("status", [400, 401, 429, 500])
@pytest.mark.parametrize("call", [read, send])
async def test_a_secret_is_cut_from_the_evidence(client: MallClient, mall: Any, status: int, call: Call) -> None:
    mall.respond(status, text=f"the key {SECRET} is {SECRET}" + "x" * 1000)

    with pytest.raises(ConnectorError) as caught:
        await call(client)

    assert SECRET not in caught.value.evidence
    assert SECRET not in str(caught.value)
    assert caught.value.evidence.startswith("the key *** is ***")
    assert len(caught.value.evidence) == 300


async def test_a_secret_at_the_cut_of_the_evidence_does_not_remain_in_part(client: MallClient, mall: Any) -> None:
    mall.respond(400, text="x" * 295 + SECRET)

    with pytest.raises(ConnectorError) as caught:
        await read(client)

    assert "sk-" not in caught.value.evidence


async def test_a_secret_that_was_typed_with_a_blank_is_cut(context: ChannelContext, mall: Any) -> None:
    client = MallClient(BASE_URL, context, secrets=(f"{SECRET}\n",))
    mall.mock(side_effect=httpx.LocalProtocolError(f"Illegal header value b'{SECRET}\\n'"))

    with pytest.raises(RetryableError) as caught:
        await send(client)

    assert SECRET not in str(caught.value)
    await client.aclose()


async def test_a_secret_in_a_transport_error_is_cut(client: MallClient, mall: Any) -> None:
    mall.mock(side_effect=httpx.ReadError(f"cannot read https://{SECRET}@mall.example"))

    with pytest.raises(ConnectorError) as caught:
        await read(client)

    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("scheme", ["Bearer", "ESA", "Basic"])
async def test_a_token_that_was_fetched_later_is_cut_too(context: ChannelContext, mall: Any, scheme: str) -> None:
    async def authorise(request: httpx.Request) -> None:
        request.headers["authorization"] = f"{scheme} late-token"

    client = MallClient(BASE_URL, context, authorise=authorise)
    mall.mock(side_effect=lambda request: httpx.Response(400, json=dict(request.headers)))

    with pytest.raises(RejectedError) as caught:
        await read(client)

    assert "late-token" not in caught.value.evidence
    await client.aclose()


async def test_a_foreign_address_is_not_followed(client: MallClient, mall: Any) -> None:
    mall.respond(302, headers={"location": "https://elsewhere.example/"})

    with pytest.raises(RejectedError):
        await read(client)

    assert mall.call_count == 1
