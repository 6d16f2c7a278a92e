"""A browser, and a running gateway behind a line that is listened to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from gateway.sdk.testing import serving
from tests.browser.site import Line
from tests.conftest import REQUIRES_ALL
from tests.support.chromium import find_chromium
from tests.support.gateway_process import running_gateway


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser."""
    found = find_chromium()
    if found is None:
        reason = "Chromium is not installed: make test-tools"
        if REQUIRES_ALL:
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@pytest.fixture(scope="module")
def gateway(chromium: str, server_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with running_gateway(server_url, tmp_path_factory.mktemp("home"), name="browser") as client:
        yield client


@pytest.fixture
async def line(gateway: httpx.Client) -> AsyncIterator[tuple[Line, str]]:
    """What browsers say to the gateway, and the address where they say it."""
    async with httpx.AsyncClient(base_url=gateway.base_url, trust_env=False, timeout=30) as client:
        line = Line(client)
        async with serving(line.app) as address:
            yield line, address
