"""The doubles of what the gateway lends keep the promises of the protocols they stand for."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from gateway.sdk.testing import MemoryMemo, MemoryTokens, SimulatedClock

START = datetime(2026, 11, 18, 1, 23, 45, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(START)


@pytest.fixture
def memo(clock: SimulatedClock) -> MemoryMemo:
    return MemoryMemo(clock.now)


async def test_many_renewals_at_the_same_time_are_one() -> None:
    tokens = MemoryTokens()
    asked: list[Mapping[str, str]] = []

    async def refresh(seen: Mapping[str, str]) -> Mapping[str, str]:
        asked.append(seen)
        await asyncio.sleep(0)
        return {"access": "new"}

    results = await asyncio.gather(*(tokens.renew({}, refresh) for _ in range(10)))

    assert results == [{"access": "new"}] * 10
    assert asked == [{}]
    assert tokens.renewals == 1


async def test_a_failed_renewal_keeps_the_old_tokens() -> None:
    tokens = MemoryTokens()
    tokens.saved = {"access": "old"}

    async def refresh(seen: Mapping[str, str]) -> Mapping[str, str]:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await tokens.renew({"access": "old"}, refresh)

    assert await tokens.load() == {"access": "old"}


async def test_what_is_remembered_first_stays_until_it_expires(memo: MemoryMemo, clock: SimulatedClock) -> None:
    assert await memo.remember("nonce", b"1", ttl=MINUTE) is None
    assert await memo.remember("nonce", b"2", ttl=MINUTE) == b"1"

    clock.advance(MINUTE)

    assert await memo.recall("nonce") is None
    assert await memo.remember("nonce", b"3", ttl=MINUTE) is None


async def test_what_is_replaced_or_forgotten_is_gone(memo: MemoryMemo) -> None:
    await memo.remember("answer", b"1", ttl=MINUTE)

    await memo.replace("answer", b"2", ttl=MINUTE)
    replaced = await memo.recall("answer")
    await memo.forget("answer")
    await memo.forget("answer")

    assert replaced == b"2"
    assert await memo.recall("answer") is None


async def test_a_bucket_grants_its_limit_at_once_and_then_one_by_one(memo: MemoryMemo, clock: SimulatedClock) -> None:
    waits = [await memo.take_permit("ip", limit=3, per=MINUTE) for _ in range(4)]

    assert waits == [timedelta(), timedelta(), timedelta(), timedelta(seconds=20)]
    clock.advance(timedelta(seconds=20))
    assert await memo.take_permit("ip", limit=3, per=MINUTE) == timedelta()
    assert await memo.take_permit("ip", limit=3, per=MINUTE) == timedelta(seconds=20)
    assert await memo.take_permit("other", limit=3, per=MINUTE) == timedelta()
