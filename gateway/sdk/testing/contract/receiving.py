"""What a mall pushes: strangers leave nothing behind, repetitions do no harm, nothing raises."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.sdk.page import Reception, WebhookRequest
from gateway.sdk.testing.contract.base import ContractPart, needs
from gateway.sdk.testing.contract.rig import Rig
from gateway.sdk.testing.memory import memory_context

_HEADERS = st.dictionaries(st.text(st.characters(codec="latin-1"), max_size=30), st.text(max_size=60), max_size=6)


class ReceivingContract(ContractPart):
    """`receive` and `acknowledge`."""

    async def test_a_genuine_request_is_stored_and_acknowledged(self, rig: Rig) -> None:
        request = self._pushed(rig)

        response = await rig.deliver(request)

        assert 200 <= response.status < 300
        assert rig.inquiries

    async def test_a_forged_request_is_refused_and_stores_nothing(self, rig: Rig) -> None:
        request = self._pushed(rig)

        for forged in self.forgeries(request):
            reception = await rig.connector.receive(forged)

            assert reception.records == ()
            assert reception.response is not None
            assert 400 <= reception.response.status < 500

    async def test_a_genuine_request_is_taken_after_the_forged_ones(self, rig: Rig) -> None:
        request = self._pushed(rig)
        for forged in self.forgeries(request):
            await rig.connector.receive(forged)

        response = await rig.deliver(request)

        assert 200 <= response.status < 300
        assert rig.inquiries

    async def test_an_unknown_address_is_answered_like_a_forgery(self, rig: Rig) -> None:
        request = self._pushed(rig)
        decoy = self.connector.settings_type.decoy()
        assert decoy is not None
        stranger = self.connector(decoy, memory_context(rig.clock.now, rig.transport))

        at_decoy = await stranger.receive(request)
        forged = await rig.connector.receive(next(self.forgeries(request)))

        await stranger.aclose()
        assert at_decoy.records == ()
        assert at_decoy.response is not None
        assert forged.response is not None
        assert at_decoy.response.status == forged.response.status

    async def test_a_repeated_delivery_is_harmless(self, rig: Rig) -> None:
        request = self._pushed(rig)
        first = await rig.deliver(request)
        before = {external_id: rig.messages(external_id) for external_id in rig.inquiries}

        again = await rig.deliver(request)

        assert 200 <= first.status < 300
        assert 200 <= again.status < 300
        assert {external_id: rig.messages(external_id) for external_id in rig.inquiries} == before

    async def test_a_body_over_the_limit_is_refused(self, rig: Rig) -> None:
        request = self._pushed(rig)
        limit = self.connector.webhook_limit(request.route)

        reception = await rig.connector.receive(replace(request, body=b" " * (limit + 1)))

        assert reception.records == ()
        assert reception.response is not None
        assert 400 <= reception.response.status < 500

    async def test_random_requests_never_raise(self, rig: Rig) -> None:
        genuine = self._pushed(rig)

        @settings(deadline=None, report_multiple_bugs=False, suppress_health_check=list(HealthCheck))
        @given(st.data())
        def survives(data: st.DataObject) -> None:
            request = replace(
                genuine,
                method=data.draw(st.sampled_from(["POST", "GET", "PUT", "OPTIONS"])),
                route=data.draw(st.sampled_from(self.connector.webhook_paths)),
                body=data.draw(st.binary() | st.just(genuine.body)),
                headers=data.draw(_HEADERS | _damaged(dict(genuine.headers))),
                query=data.draw(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=2)),
                client_ip=data.draw(st.sampled_from([None, "", "203.0.113.9", "2001:db8::1", "nonsense"])),
            )
            reception = asyncio.run(_received(self, rig, request))
            assert (reception.response is None) == bool(reception.records)

        await asyncio.to_thread(survives)

    def forgeries(self, request: WebhookRequest) -> Iterator[WebhookRequest]:
        """Yield what a stranger could send in place of `request`; override it where a body is not signed."""
        content_type = {name: value for name, value in request.headers.items() if name == "content-type"}
        yield replace(request, headers=_resigned(dict(request.headers)))
        yield replace(request, headers=content_type)
        yield replace(request, body=request.body + b" ")

    def _pushed(self, rig: Rig) -> WebhookRequest:
        needs(self.connector.capabilities.can_receive, "receives no webhooks")
        rig.simulator.customer_writes("在庫はありますか？")
        return rig.simulator.pending_webhooks.pop(0)


async def _received(part: ContractPart, rig: Rig, request: WebhookRequest) -> Reception:
    connector = part.connector(rig.connector.settings, memory_context(rig.clock.now, rig.transport))
    try:
        return await connector.receive(request)
    finally:
        await connector.aclose()


def _damaged(headers: dict[str, str]) -> st.SearchStrategy[dict[str, str]]:
    """Return the genuine headers with one of them changed or gone."""
    return st.builds(
        lambda name, value: {**headers, name: value}, st.sampled_from(sorted(headers) or [""]), st.text(max_size=80)
    ) | st.builds(
        lambda name: {n: v for n, v in headers.items() if n != name}, st.sampled_from(sorted(headers) or [""])
    )


def _resigned(headers: dict[str, str]) -> dict[str, str]:
    """Return the headers with every signature replaced by another one of the same form."""
    return {
        name: value[:-16] + value[-16:].translate(_OTHERS)
        if "sign" in name or "hmac" in name or name == "authorization"
        else value
        for name, value in headers.items()
    }


# Each letter and digit becomes another one that is as good in base64 and in hexadecimal.
_OTHERS = str.maketrans("0123456789abcdefABCDEFghijklmnopqrstuvwxyz", "1234567890bcdefaBCDEFAhijklmnopqrstuvwxyzg")
