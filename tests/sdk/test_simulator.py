"""A simulator behind a real socket: its faults look like a broken line, its control routes like people."""

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from connectors.example.simulator import ExampleSimulator
from gateway.sdk.testing import Fault, FaultKind, SimulatedClock, serving

START = datetime(2026, 11, 18, 1, 23, 45, tzinfo=UTC)
POST = "POST /inquiries/"


@pytest.fixture
def simulator() -> ExampleSimulator:
    return ExampleSimulator(SimulatedClock(START))


@pytest.fixture
async def http(simulator: ExampleSimulator) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the simulator through a socket, with the shop's key."""
    headers = {"x-api-key": simulator.api_key}
    async with (
        serving(simulator.app) as address,
        httpx.AsyncClient(base_url=address, headers=headers, trust_env=False, timeout=5) as client,
    ):
        yield client


async def post(http: httpx.AsyncClient, thread_id: str, text: str = "はい。") -> httpx.Response:
    return await http.post(f"/inquiries/{thread_id}/messages", json={"body": text})


async def test_a_simulator_serves_on_a_free_port_of_its_own(simulator: ExampleSimulator) -> None:
    async with serving(simulator.app) as first, serving(ExampleSimulator().app) as second:
        assert first != second
        assert first.startswith("http://127.0.0.1:")


async def test_a_port_that_is_taken_is_reported(simulator: ExampleSimulator, http: httpx.AsyncClient) -> None:
    with pytest.raises(OSError, match="in use"):
        await serving(simulator.app, port=http.base_url.port or 0).__aenter__()

    assert (await http.get("/shop")).status_code == 200


async def test_without_faults_an_answer_arrives(simulator: ExampleSimulator, http: httpx.AsyncClient) -> None:
    thread_id = simulator.customer_writes("在庫はありますか？")

    response = await post(http, thread_id)

    assert response.status_code == 201
    assert simulator.thread(thread_id).shop_texts == ["はい。"]


@pytest.mark.parametrize("kind", [FaultKind.CUT_AFTER, FaultKind.TIME_OUT_AFTER])
async def test_a_cut_after_the_request_leaves_it_handled_and_the_line_broken(
    simulator: ExampleSimulator, http: httpx.AsyncClient, kind: FaultKind
) -> None:
    thread_id = simulator.customer_writes("在庫はありますか？")
    simulator.faults.add(Fault(kind=kind, operation=POST, seconds=0.01))

    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await post(http, thread_id)

    assert simulator.thread(thread_id).shop_texts == ["はい。"]
    assert simulator.requests[-1].status is None


@pytest.mark.parametrize("kind", [FaultKind.CUT_BEFORE, FaultKind.NOT_CONNECTED, FaultKind.TIME_OUT])
async def test_a_cut_before_the_request_leaves_it_unhandled(
    simulator: ExampleSimulator, http: httpx.AsyncClient, kind: FaultKind
) -> None:
    thread_id = simulator.customer_writes("在庫はありますか？")
    simulator.faults.add(Fault(kind=kind, operation=POST, seconds=0.01))

    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await post(http, thread_id)

    assert simulator.thread(thread_id).shop_texts == []


async def test_a_hanging_mall_outlasts_the_callers_patience(
    simulator: ExampleSimulator, http: httpx.AsyncClient
) -> None:
    thread_id = simulator.customer_writes("在庫はありますか？")
    simulator.faults.add(Fault(kind=FaultKind.TIME_OUT_AFTER, operation=POST, seconds=0.5))

    with pytest.raises(httpx.ReadTimeout):
        await http.post(f"/inquiries/{thread_id}/messages", json={"body": "はい。"}, timeout=0.1)

    assert simulator.thread(thread_id).shop_texts == ["はい。"]


async def test_an_answer_can_stop_in_its_middle(simulator: ExampleSimulator, http: httpx.AsyncClient) -> None:
    thread_id = simulator.customer_writes("在庫はありますか？")
    simulator.faults.add(Fault(kind=FaultKind.CUT_MIDWAY, operation=POST))
    request = http.build_request("POST", f"/inquiries/{thread_id}/messages", json={"body": "はい。"})

    response = await http.send(request, stream=True)
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await response.aread()

    assert response.status_code == 201
    assert 0 < response.num_bytes_downloaded < int(response.headers["content-length"])
    assert simulator.thread(thread_id).shop_texts == ["はい。"]


async def test_a_request_can_be_handled_and_yet_answered_with_an_error(
    simulator: ExampleSimulator, http: httpx.AsyncClient
) -> None:
    thread_id = simulator.customer_writes("在庫はありますか？")
    fault = Fault(kind=FaultKind.ANSWER_AFTER, operation=POST, status=503, body=b"<html>", headers={"Retry-After": "9"})
    simulator.faults.add(fault)

    response = await post(http, thread_id)

    assert (response.status_code, response.content, response.headers["retry-after"]) == (503, b"<html>", "9")
    assert simulator.thread(thread_id).shop_texts == ["はい。"]
    assert simulator.faults.struck == [fault]


async def test_an_error_can_come_in_place_of_the_mall(simulator: ExampleSimulator, http: httpx.AsyncClient) -> None:
    thread_id = simulator.customer_writes("在庫はありますか？")
    simulator.faults.add(Fault(kind=FaultKind.ANSWER, operation=POST, status=429))

    assert (await post(http, thread_id)).status_code == 429
    assert simulator.thread(thread_id).shop_texts == []


async def test_an_answer_can_be_garbled(simulator: ExampleSimulator, http: httpx.AsyncClient) -> None:
    thread_id = simulator.customer_writes("在庫はありますか？")
    simulator.faults.add(Fault(kind=FaultKind.GARBLE, operation=POST))

    response = await post(http, thread_id)

    assert response.status_code == 201
    with pytest.raises(ValueError, match="decode"):
        response.json()
    assert simulator.thread(thread_id).shop_texts == ["はい。"]


async def test_the_connection_after_a_cut_works_again(simulator: ExampleSimulator, http: httpx.AsyncClient) -> None:
    thread_id = simulator.customer_writes("在庫はありますか？")
    simulator.faults.add(Fault(kind=FaultKind.CUT_AFTER, operation=POST))
    with pytest.raises(httpx.TransportError):
        await post(http, thread_id)

    response = await post(http, thread_id, "もう一度。")

    assert response.status_code == 201
    assert simulator.thread(thread_id).shop_texts == ["はい。", "もう一度。"]


async def test_a_fault_lets_some_requests_pass_and_strikes_as_often_as_told(
    simulator: ExampleSimulator, http: httpx.AsyncClient
) -> None:
    simulator.faults.add(Fault(kind=FaultKind.ANSWER, operation="GET /shop", status=503, skip=1, times=2))

    statuses = [(await http.get("/shop")).status_code for _ in range(5)]

    assert statuses == [200, 503, 503, 200, 200]


async def test_a_fault_strikes_only_the_operation_it_names(
    simulator: ExampleSimulator, http: httpx.AsyncClient
) -> None:
    simulator.faults.add(Fault(kind=FaultKind.ANSWER, operation="GET /nothing-like-it"))

    assert (await http.get("/shop")).status_code == 200


async def test_faults_can_be_cleared(simulator: ExampleSimulator, http: httpx.AsyncClient) -> None:
    simulator.faults.add(Fault(kind=FaultKind.ANSWER, times=100))

    simulator.faults.clear()

    assert (await http.get("/shop")).status_code == 200


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.NOT_CONNECTED, httpx.ConnectError),
        (FaultKind.CUT_BEFORE, httpx.RemoteProtocolError),
        (FaultKind.CUT_AFTER, httpx.RemoteProtocolError),
        (FaultKind.CUT_MIDWAY, httpx.RemoteProtocolError),
        (FaultKind.TIME_OUT, httpx.ReadTimeout),
        (FaultKind.TIME_OUT_AFTER, httpx.ReadTimeout),
    ],
)
async def test_the_same_faults_strike_in_the_same_process(
    simulator: ExampleSimulator, kind: FaultKind, error: type[Exception]
) -> None:
    simulator.faults.add(Fault(kind=kind))
    headers = {"x-api-key": simulator.api_key}

    async with httpx.AsyncClient(transport=simulator.transport, base_url="http://mall", headers=headers) as http:
        with pytest.raises(error):
            await http.get("/shop")


# The control routes


async def test_a_customer_writes_and_the_thread_shows_it(simulator: ExampleSimulator, http: httpx.AsyncClient) -> None:
    photo = {"name": "a.png", "content_type": "image/png", "content": base64.b64encode(b"picture").decode()}
    said = {"text": "割れていました。", "order": "EM-1", "files": [photo]}

    created = await http.post("/_simulator/threads", json=said)
    thread_id = created.json()["external_id"]
    await http.post("/_simulator/threads", json={"text": "まだですか？", "thread_id": thread_id})

    shown = (await http.get(f"/_simulator/threads/{thread_id}")).json()
    assert created.status_code == 201
    assert [message["text"] for message in shown["messages"]] == ["割れていました。", "まだですか？"]
    assert shown["messages"][0]["files"] == [{"name": "a.png", "size": 7}]
    assert shown["messages"][0]["author_role"] == "customer"
    assert shown["flags"] == {"is_read": False, "is_completed": False, "is_private": None}
    assert (await http.get("/_simulator/threads")).json() == [shown]


async def test_an_unknown_thread_is_not_found(http: httpx.AsyncClient) -> None:
    response = await http.get("/_simulator/threads/nothing/here")

    assert response.status_code == 404
    assert "nothing/here" in response.json()["detail"]


async def test_the_settings_are_those_of_a_channel_that_works(http: httpx.AsyncClient) -> None:
    settings = (await http.get("/_simulator/settings", params={"base_url": "http://127.0.0.1:9"})).json()

    assert settings["base_url"] == "http://127.0.0.1:9"
    assert (await http.get("/shop", headers={"x-api-key": settings["api_key"]})).status_code == 200


async def test_the_clock_can_be_moved(simulator: ExampleSimulator, http: httpx.AsyncClient) -> None:
    moved = (await http.post("/_simulator/clock", json={"seconds": 181 * 86_400})).json()

    assert datetime.fromisoformat(moved["now"]) == simulator.clock.now() == START + timedelta(days=181)
    assert (await http.get("/shop")).status_code == 401


async def test_faults_are_switched_on_and_off_and_never_strike_the_control_routes(http: httpx.AsyncClient) -> None:
    fault = {"kind": "answer", "status": 418, "body": "short and stout", "headers": {"X-Own": "1"}, "times": 100}

    created = await http.post("/_simulator/faults", json=fault)
    struck = await http.get("/shop")
    cleared = await http.delete("/_simulator/faults")

    assert (created.status_code, cleared.status_code) == (201, 204)
    assert (struck.status_code, struck.text, struck.headers["x-own"]) == (418, "short and stout", "1")
    assert (await http.get("/shop")).status_code == 200


async def test_the_requests_that_reached_the_mall_are_listed(http: httpx.AsyncClient) -> None:
    await http.get("/shop")
    await http.get("/inquiries/nothing")

    requests = (await http.get("/_simulator/requests")).json()

    assert [(one["operation"], one["status"]) for one in requests] == [
        ("GET /shop", 200),
        ("GET /inquiries/nothing", 404),
    ]


def test_a_clock_without_a_start_runs_with_the_real_time() -> None:
    clock = SimulatedClock()

    first = clock.now()
    clock.advance(timedelta(days=1))

    assert first.tzinfo is UTC
    assert timedelta(days=1) <= clock.now() - first < timedelta(days=1, minutes=1)
