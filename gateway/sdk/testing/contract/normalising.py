"""From a payload to an inquiry: pure, exact, and calm about damage."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.sdk.connector import AnyConnector
from gateway.sdk.errors import MappingError
from gateway.sdk.inquiry import Inquiry
from gateway.sdk.page import RawRecord
from gateway.sdk.testing.contract.base import ContractPart
from gateway.sdk.testing.contract.rig import ADDRESS, BASE_URL
from gateway.sdk.testing.fixtures import fixture_pairs, inquiry_text
from gateway.sdk.testing.memory import memory_context
from gateway.sdk.testing.packages import package_folder

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
_fuzz = settings(deadline=None, report_multiple_bugs=False, suppress_health_check=list(HealthCheck))


class NormalisingContract(ContractPart):
    """`normalise` against the fixtures, and against everything else."""

    async def test_there_is_at_least_one_fixture_and_each_has_its_pair(self) -> None:
        pairs = fixture_pairs(self.connector)
        inquiries = set((package_folder(self.connector) / "fixtures").glob("*.inquiry.json"))

        assert pairs, "record a payload first: fixtures/<scenario>.raw.json"
        assert {pair.inquiry_path for pair in pairs} == inquiries

    async def test_every_fixture_normalises_to_its_pair(self) -> None:
        connector = self._without_surroundings()

        for pair in fixture_pairs(self.connector):
            assert inquiry_text(connector.normalise(pair.record)) == pair.inquiry_path.read_text(encoding="utf-8"), (
                f"{pair.scenario}: run `python -m gateway.sdk.testing.fixtures {self.connector.key}` and review it"
            )

    async def test_normalising_uses_nothing_but_the_record_and_leaves_it_alone(self) -> None:
        connector = self._without_surroundings()

        for record in self._records():
            before = copy.deepcopy(record)

            first, second = connector.normalise(record), connector.normalise(copy.deepcopy(record))

            assert first == second
            assert record == before

    async def test_message_ids_are_unique_and_messages_come_oldest_first(self) -> None:
        connector = self._without_surroundings()

        for record in self._records():
            messages = connector.normalise(record).messages

            assert len({message.external_id for message in messages}) == len(messages)
            assert [message.sent_at for message in messages] == sorted(message.sent_at for message in messages)
            for message in messages:
                file_ids = [attachment.external_id for attachment in message.attachments]
                assert len(set(file_ids)) == len(file_ids)

    async def test_times_are_aware_and_texts_have_lf_line_ends(self) -> None:
        connector = self._without_surroundings()

        for record in self._records():
            inquiry = connector.normalise(record)

            assert all(time.astimezone(UTC).utcoffset() is not None for time in _times(inquiry))
            assert inquiry.opened_at <= inquiry.updated_at
            assert [message.text for message in inquiry.messages if "\r" in message.text] == []

    async def test_the_inquirys_context_survives_storage(self) -> None:
        connector = self._without_surroundings()

        for record in self._records():
            context = connector.normalise(record).context

            assert json.loads(json.dumps(context)) == context

    async def test_random_bytes_are_no_inquiry(self) -> None:
        connector = self._without_surroundings()

        @_fuzz
        @given(st.binary())
        @example(b"")
        @example(b"null")
        @example(b"{}")
        @example(b"[]")
        @example(b"\xff\xfe")
        @example(b"[" * 5000)
        @example(b'{"a":' * 5000)
        @example(b"9" * 5000)
        @example(b"<html><body>Maintenance</body></html>")
        def refuses(payload: bytes) -> None:
            _expect_inquiry_or_mapping_error(connector, RawRecord(payload=payload))

        refuses()

    async def test_random_json_is_no_inquiry(self) -> None:
        connector = self._without_surroundings()

        @_fuzz
        @given(_JSON)
        def refuses(document: Any) -> None:
            _expect_inquiry_or_mapping_error(connector, RawRecord(payload=json.dumps(document).encode()))

        refuses()

    async def test_a_damaged_payload_gives_an_inquiry_or_a_mapping_error(self) -> None:
        connector = self._without_surroundings()
        records = [pair.record for pair in fixture_pairs(self.connector)]

        @_fuzz
        @given(st.data())
        def survives(data: st.DataObject) -> None:
            record = data.draw(st.sampled_from(records))
            damage = _damage_json if "json" in record.content_type else _damage_bytes
            payload = damage(record.payload, data.draw)
            damaged = RawRecord(payload=payload, external_id=record.external_id, content_type=record.content_type)
            _expect_inquiry_or_mapping_error(connector, damaged)

        survives()

    def _records(self) -> Iterator[RawRecord]:
        for pair in fixture_pairs(self.connector):
            yield pair.record

    def _without_surroundings(self) -> AnyConnector:
        """A connector whose clock, network and patience fail the test when they are used."""
        settings_ = self.simulator_type()().settings(BASE_URL, address=ADDRESS)
        context = memory_context(_no_clock, _NoNetwork())
        return self.connector(self.connector.settings_type.model_validate(settings_), context)


class _NoNetwork(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise AssertionError(f"normalise is pure and asked {request.url}")


def _no_clock() -> datetime:
    raise AssertionError("normalise is pure and asked for the time")


def _times(inquiry: Inquiry) -> list[datetime]:
    return [inquiry.opened_at, inquiry.updated_at, *(message.sent_at for message in inquiry.messages)]


def _expect_inquiry_or_mapping_error(connector: AnyConnector, record: RawRecord) -> None:
    try:
        inquiry = connector.normalise(record)
    except MappingError:
        return
    assert isinstance(inquiry, Inquiry)


def _damage_bytes(payload: bytes, draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
    start = draw(st.integers(0, len(payload)))
    end = draw(st.integers(start, len(payload)))
    return payload[:start] + bytes(draw(st.binary(max_size=8))) + payload[end:]


def _damage_json(payload: bytes, draw: Callable[[st.SearchStrategy[Any]], Any]) -> bytes:
    """Remove a member, or put something else in its place."""
    document = json.loads(payload)
    places = list(_places(document))
    if not places:
        return _damage_bytes(payload, draw)
    holder, name = draw(st.sampled_from(places))
    if draw(st.booleans()):
        del holder[name]
    else:
        holder[name] = draw(_JSON | st.sampled_from([-1, 0, 2**63, 10**400, "", "\x00", "9999-12-31T23:59:59-12:00"]))
        if isinstance(holder[name], float) and not math.isfinite(holder[name]):
            holder[name] = None
    return json.dumps(document, ensure_ascii=False).encode(errors="surrogatepass")


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    match value:
        case dict():
            members: Any = list(value)
        case list():
            members = range(len(value))
        case _:
            return
    for name in members:
        yield value, name
        yield from _places(value[name])
