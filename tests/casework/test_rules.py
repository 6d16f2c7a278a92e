"""Rules of casework that need no network and no mall."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gateway.casework import tokens
from gateway.casework.attachments import LONGEST_NAME, clean_name
from gateway.casework.caller import Caller
from gateway.casework.channels import merge_patch
from gateway.model import Scope
from gateway.model.errors import ForbiddenError, InvalidError, NotFoundError
from gateway.runtime import Runtime
from gateway.sdk.testing import SimulatedClock


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("割れ.png", "割れ.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\写真.jpg", "写真.jpg"),
        ("evil\u202egnp.exe", "evilgnp.exe"),
        ("a\0b\n.pdf", "ab.pdf"),
        ("カ\u3099.png", "ガ.png"),
        ("", "file"),
        ("...", "file"),
        ("/", "file"),
        (".png", "png"),
        ("長" * 300 + ".pdf", "長" * (LONGEST_NAME - 4) + ".pdf"),
    ],
)
def test_a_file_name_keeps_what_people_need_and_nothing_that_misleads(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned
    assert len(clean_name(name)) <= LONGEST_NAME


# The cases of RFC 7396, appendix A, whose target and patch are objects.
@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_its_rfc_says(
    target: dict[str, object], patch: dict[str, object], result: dict[str, object]
) -> None:
    before = repr(target)

    assert merge_patch(target, patch) == result
    assert repr(target) == before


async def test_a_token_opens_by_its_secret_which_nobody_can_read_again(runtime: Runtime, clock: SimulatedClock) -> None:
    async with runtime.database.session() as db:
        token, secret = await tokens.create(db, name="console", scopes=[Scope.CASES_READ], now=clock.now())
        await db.commit()
        caller = await tokens.verify(db, secret, clock.now())
        almost = await tokens.verify(db, secret[:-1] + ("A" if secret[-1] != "A" else "B"), clock.now())
        nobody = await tokens.verify(db, "mdg_nobody", clock.now())

    assert caller is not None
    assert (caller.name, caller.token_id, caller.scopes) == ("console", token.id, {Scope.CASES_READ})
    assert almost is None
    assert nobody is None
    assert secret.startswith(token.prefix)
    assert secret.encode() not in token.hash


async def test_a_revoked_token_opens_nothing_and_may_be_revoked_again(runtime: Runtime, clock: SimulatedClock) -> None:
    async with runtime.database.session() as db:
        token, secret = await tokens.create(db, name="console", scopes=[Scope.CASES_READ], now=clock.now())
        first = (await tokens.revoke(db, token.prefix, clock.now())).revoked_at
        clock.advance(timedelta(hours=1))
        second = (await tokens.revoke(db, token.prefix, clock.now())).revoked_at

        assert await tokens.verify(db, secret, clock.now()) is None
        assert first == second
        with pytest.raises(NotFoundError):
            await tokens.revoke(db, "mdg_nobody", clock.now())


async def test_a_token_that_would_open_nothing_is_not_made(runtime: Runtime, clock: SimulatedClock) -> None:
    async with runtime.database.session() as db:
        with pytest.raises(InvalidError) as caught:
            await tokens.create(db, name=" ", scopes=[], now=clock.now(), expires_at=clock.now())

    assert [problem.pointer for problem in caught.value.problems] == ["/name", "/scopes", "/expires_at"]


async def test_the_last_use_of_a_token_is_known_to_the_minute(runtime: Runtime, clock: SimulatedClock) -> None:
    async with runtime.database.session() as db:
        token, secret = await tokens.create(db, name="console", scopes=[Scope.CASES_READ], now=clock.now())
        await tokens.verify(db, secret, clock.now())
        await db.commit()
        await db.refresh(token)
        first = token.last_used_at
        clock.advance(timedelta(seconds=2))
        await tokens.verify(db, secret, clock.now())
        await db.commit()
        await db.refresh(token)

    assert token.last_used_at == first is not None


def test_whoever_lacks_a_scope_is_told_which() -> None:
    caller = Caller(name="reader", scopes=frozenset([Scope.CASES_READ]))

    caller.require(Scope.CASES_READ)
    with pytest.raises(ForbiddenError, match="replies:write"):
        caller.require(Scope.REPLIES_WRITE)
