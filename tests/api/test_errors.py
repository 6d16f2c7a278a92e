"""One error shape, for every way to fail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from gateway.api.problems import PROBLEMS, type_of
from gateway.api.schemas import ProblemPublic
from gateway.config import Config
from gateway.db import Database
from gateway.ids import new_id, to_public
from gateway.model import Scope
from gateway.runtime import Runtime
from tests.api.conftest import Client
from tests.support.engine import Bench

OpenClient = Callable[..., Awaitable[Client]]
NO_CASE = f"/v1/cases/{to_public('case', new_id())}"
NO_REPLY = f"/v1/replies/{to_public('rpl', new_id())}"
NOTE = {"text": "倉庫に確認中"}
MERGE = {"Content-Type": "application/merge-patch+json"}


def assert_problem(response: httpx.Response, status: int, code: str) -> Any:
    """The answer is a whole problem document, and its headers agree with it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    ProblemPublic.model_validate(problem)
    assert list(problem) == list(ProblemPublic.model_fields)
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, type_of(code))
    assert problem["title"] in {PROBLEMS[code].ja, PROBLEMS[code].en}
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["instance"] == response.request.url.raw_path.decode().partition("?")[0]
    assert response.headers["content-language"] in {"ja", "en"}
    assert response.headers["cache-control"] == "no-store"
    return problem


WAYS = [
    pytest.param("GET", "/nowhere", {}, 404, "not_found", id="no such path"),
    pytest.param("GET", "/v1/cases/", {}, 404, "not_found", id="a slash too many"),
    pytest.param("DELETE", "/v1/cases", {}, 405, "method_not_allowed", id="no such method"),
    pytest.param("GET", NO_CASE, {}, 404, "not_found", id="no such case"),
    pytest.param("GET", "/v1/cases/case_1", {}, 422, "invalid_request", id="an id that is none"),
    pytest.param("GET", "/v1/cases/%00", {}, 422, "invalid_request", id="a NUL in the path"),
    pytest.param("GET", f"/v1/cases/{NO_REPLY[12:]}", {}, 422, "invalid_request", id="an id of something else"),
    pytest.param("GET", "/v1/cases?limit=0", {}, 422, "invalid_request", id="a limit below one"),
    pytest.param("GET", "/v1/cases?limit=201", {}, 422, "invalid_request", id="a limit above 200"),
    pytest.param("GET", "/v1/cases?page=2", {}, 422, "invalid_request", id="an unknown parameter"),
    pytest.param("GET", "/v1/cases?cursor=AAAA", {}, 400, "invalid_cursor", id="a made-up cursor"),
    pytest.param("GET", "/v1/cases?cursor=é", {}, 400, "invalid_cursor", id="a cursor that is no ASCII"),
    pytest.param("GET", "/v1/cases?updated_since=2026-11-20T12:00:00", {}, 422, "invalid_request", id="a naive time"),
    pytest.param("GET", "/v1/cases?updated_since=1763600000", {}, 422, "invalid_request", id="a time as a number"),
    pytest.param("GET", "/v1/cases?reference=%00", {}, 422, "invalid_request", id="a NUL in a parameter"),
    pytest.param("GET", "/v1/cases?status=lost", {}, 422, "invalid_request", id="a word that does not exist"),
    pytest.param("GET", "/v1/events?after=-1", {}, 422, "invalid_request", id="a position below zero"),
    pytest.param("GET", "/v1/events?after=9223372036854775808", {}, 422, "invalid_request", id="a position too far"),
    pytest.param("GET", "/v1/connectors/nobody", {}, 404, "not_found", id="no such connector"),
    pytest.param(
        "POST",
        f"{NO_CASE}/notes",
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
        400,
        "malformed_json",
        id="half a body",
    ),
    pytest.param(
        "POST",
        f"{NO_CASE}/notes",
        {"content": b'{"text": "\xff"}', "headers": {"Content-Type": "application/json"}},
        400,
        "malformed_body",
        id="a body that is no UTF-8",
    ),
    pytest.param(
        "POST",
        f"{NO_CASE}/notes",
        {"content": b"[" * 100_000, "headers": {"Content-Type": "application/json"}},
        400,
        "malformed_body",
        id="a bottomless body",
    ),
    pytest.param("POST", f"{NO_CASE}/notes", {}, 422, "invalid_request", id="no body"),
    pytest.param("POST", f"{NO_CASE}/notes", {"json": []}, 422, "invalid_request", id="a list for an object"),
    pytest.param("POST", f"{NO_CASE}/notes", {"json": {}}, 422, "invalid_request", id="a missing member"),
    pytest.param("POST", f"{NO_CASE}/notes", {"json": {**NOTE, "x": 1}}, 422, "invalid_request", id="an extra member"),
    pytest.param("POST", f"{NO_CASE}/notes", {"json": {"text": "a\0"}}, 422, "invalid_request", id="a NUL in a text"),
    pytest.param(
        "POST",
        f"{NO_CASE}/notes",
        {"content": b'{"text": "\\ud800"}', "headers": {"Content-Type": "application/json"}},
        422,
        "invalid_request",
        id="half a character",
    ),
    pytest.param(
        "POST",
        "/v1/channels",
        {
            "content": b'{"connector": "example", "name": "x", "settings": {"look_back_days": NaN}}',
            "headers": {"Content-Type": "application/json"},
        },
        422,
        "invalid_request",
        id="a number that is none",
    ),
    pytest.param(
        "POST",
        "/v1/channels",
        {"json": {"connector": "example", "name": "x", "settings": {"base_url": 3, "colour": "red"}}},
        422,
        "invalid_settings",
        id="settings that break rules",
    ),
    pytest.param(
        "POST",
        "/v1/channels",
        {"json": {"connector": "nobody", "name": "x", "settings": {}}},
        404,
        "not_found",
        id="a channel of no connector",
    ),
    pytest.param(
        "POST",
        f"{NO_CASE}/notes",
        {"content": b"text", "headers": {"Content-Type": "text/plain"}},
        415,
        "unsupported_media_type",
        id="another media type",
    ),
    pytest.param(
        "POST",
        f"{NO_CASE}/notes",
        {"json": {"text": "x" * 1_100_000}},
        413,
        "body_too_large",
        id="a large body",
    ),
    pytest.param(
        "POST", "/v1/attachments", {"files": {"file": ("empty.png", b"")}}, 422, "file_empty", id="an empty file"
    ),
    pytest.param(
        "POST",
        "/v1/attachments",
        {"content": b"--x", "headers": {"Content-Type": "multipart/form-data"}},
        400,
        "malformed_body",
        id="multipart without a boundary",
    ),
    pytest.param(
        "PATCH", NO_CASE, {"content": b"{}", "headers": MERGE}, 428, "if_match_missing", id="a change without If-Match"
    ),
    pytest.param(
        "PATCH",
        NO_CASE,
        {"content": b"{}", "headers": {**MERGE, "If-Match": "*"}},
        428,
        "if_match_missing",
        id="a change of whatever there is",
    ),
    pytest.param(
        "PATCH",
        NO_CASE,
        {"content": b"{}", "headers": {**MERGE, "If-Match": "7"}},
        400,
        "invalid_header",
        id="an ETag without quotes",
    ),
    pytest.param(
        "POST",
        f"{NO_CASE}/replies",
        {"json": {"text": "x", "base_revision": 1}},
        400,
        "idempotency_key_missing",
        id="a send without a key",
    ),
    pytest.param(
        "POST",
        f"{NO_CASE}/replies",
        {"json": {"text": "x", "base_revision": 1}, "headers": {"Idempotency-Key": "a b"}},
        400,
        "invalid_header",
        id="a key with a blank",
    ),
    pytest.param(
        "POST",
        f"{NO_CASE}/replies",
        {"json": {"text": "x", "base_revision": 10**30}, "headers": {"Idempotency-Key": "k"}},
        422,
        "invalid_request",
        id="a number that no column holds",
    ),
    pytest.param(
        "POST",
        f"{NO_REPLY}/retry",
        {"headers": {"Idempotency-Key": "k"}},
        404,
        "not_found",
        id="a retry of nothing",
    ),
]


@pytest.mark.parametrize(("method", "path", "request_", "status", "code"), WAYS)
async def test_every_way_to_fail_has_the_one_shape(
    client: Client, method: str, path: str, request_: dict[str, Any], status: int, code: str
) -> None:
    response = await client.ask(method, path, **request_)

    problem = assert_problem(response, status, code)
    if status in {400, 422, 428} and code != "malformed_body":
        assert problem["errors"], "the member is named"
        assert all(one["pointer"] is not None or one["parameter"] or one["header"] for one in problem["errors"])


async def test_without_a_token_nothing_is_read_and_nothing_told(client: Client) -> None:
    headers = {"Content-Type": "application/json"}

    missing = await httpx.AsyncClient(transport=client.http._transport).post(
        "http://gateway.example/v1/channels", content=b"{", headers=headers
    )
    wrong = await client.ask("GET", "/v1/cases", headers={"Authorization": "Bearer mdg_wrong"})
    basic = await client.ask("GET", "/v1/cases", headers={"Authorization": "Basic dXNlcjpwYXNz"})

    assert_problem(missing, 401, "token_missing")
    assert missing.headers["www-authenticate"] == 'Bearer realm="gateway"'
    for response in (wrong, basic):
        assert_problem(response, 401, "token_invalid")
        assert 'error="invalid_token"' in response.headers["www-authenticate"]


async def test_a_token_without_the_scope_is_told_which_one_it_needs(open_client: OpenClient) -> None:
    reader = await open_client(scopes=[Scope.CASES_READ])

    response = await reader.ask("GET", "/v1/channels")

    problem = assert_problem(response, 403, "scope_missing")
    assert "channels:read" in problem["detail"]
    assert 'scope="channels:read"' in response.headers["www-authenticate"]


async def test_a_wrong_method_is_told_all_that_the_path_has(client: Client) -> None:
    response = await client.ask("PUT", "/v1/channels")

    assert_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "GET, POST"


async def test_a_wrong_media_type_is_told_the_right_one(client: Client) -> None:
    response = await client.ask("PATCH", NO_CASE, content=b"<a/>", headers={"Content-Type": "text/xml"})

    assert_problem(response, 415, "unsupported_media_type")
    assert response.headers["accept-patch"] == "application/merge-patch+json"


async def test_settings_that_break_rules_are_named_one_by_one_and_never_repeated(client: Client) -> None:
    settings = {"api_key": 12345678, "colour": "red"}

    response = await client.ask(
        "POST", "/v1/channels", json={"connector": "example", "name": "x", "settings": settings}
    )

    problem = assert_problem(response, 422, "invalid_settings")
    assert {one["pointer"] for one in problem["errors"]} == {"/settings/api_key", "/settings/colour"}
    assert "12345678" not in response.text


async def test_the_pointer_finds_a_member_with_a_slash_in_its_name(client: Client) -> None:
    response = await client.ask("POST", f"{NO_CASE}/notes", json={**NOTE, "a/b~c": 1})

    assert assert_problem(response, 422, "invalid_request")["errors"][0]["pointer"] == "/a~1b~0c"


@pytest.mark.parametrize(
    ("header", "language"),
    [("ja", "ja"), ("en-GB", "en"), ("fr, en;q=0.5, ja;q=0.4", "en"), ("fr", "ja"), ("", "ja"), ("en;q=x", "ja")],
)
async def test_people_are_told_in_their_own_language(client: Client, header: str, language: str) -> None:
    response = await client.ask("GET", NO_CASE, headers={"Accept-Language": header})

    problem = assert_problem(response, 404, "not_found")
    assert response.headers["content-language"] == language
    assert problem["title"] == PROBLEMS["not_found"].model_dump()[language]


@pytest.mark.parametrize(
    ("given", "is_taken"),
    [("trace-0123456789", True), ("short", False), ("with blank in it", False), ("x" * 200, False)],
)
async def test_a_sane_request_id_of_the_caller_is_kept(client: Client, given: str, is_taken: bool) -> None:
    response = await client.ask("GET", "/v1/cases", headers={"X-Request-Id": given})

    assert response.status_code == 200
    assert (response.headers["x-request-id"] == given) is is_taken


async def test_an_error_that_nobody_foresaw_tells_its_name_and_nothing_else(app: FastAPI, client: Client) -> None:
    async def break_() -> None:
        raise RuntimeError("a secret of the inside")

    app.add_api_route("/broken", break_)

    response = await client.ask("GET", "/broken")

    assert_problem(response, 500, "internal_error")
    assert "secret" not in response.text


async def test_a_database_that_is_away_is_said_to_be_away(app: FastAPI, client: Client, runtime: Runtime) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    app.state.runtime = Runtime.of(runtime.config, away, clock=runtime.clock)

    response = await client.ask("GET", "/v1/cases")

    assert_problem(response, 503, "database_unavailable")
    assert response.headers["retry-after"] == "5"
    await away.close()


async def test_credentials_that_no_key_opens_are_named_with_what_to_do(
    app: FastAPI, client: Client, bench: Bench, runtime: Runtime, config: Config
) -> None:
    others = Config(home=config.home, secret_keys=("another key",))
    app.state.runtime = Runtime.of(others, runtime.database, clock=runtime.clock)

    response = await client.ask("GET", "/v1/channels")

    assert "GATEWAY_SECRET_KEYS" in assert_problem(response, 500, "credentials_unreadable")["detail"]
