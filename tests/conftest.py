"""What all tests share: databases, a clock that stands still, and simulated malls."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from gateway.config import Config
from gateway.db import Database
from gateway.runtime import Runtime
from gateway.sdk.testing import SimulatedClock
from tests.support import postgres
from tests.support.malls import Malls

REQUIRES_ALL = os.environ.get("GATEWAY_TESTS_REQUIRE_ALL") == "1"
# Store and engine are tested on every kind of server that we promise to run on.
ON_EVERY_SERVER = ("tests/store/", "tests/sync/", "tests/migrations/")

settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
settings.register_profile("nightly", settings.get_profile("default"), max_examples=1000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run store and engine tests twice: on the embedded server, and on Debian's over TCP."""
    if "server_url" not in metafunc.fixturenames:
        return
    servers: list[object] = ["embedded"]
    if metafunc.definition.nodeid.startswith(ON_EVERY_SERVER):
        servers.append(pytest.param("debian", marks=pytest.mark.tcp_postgres))
    metafunc.parametrize("server_url", servers, indirect=True, scope="session")


@pytest.fixture(scope="session")
def _embedded() -> str:
    # All workers of one run share one server.
    return postgres.start_embedded(os.environ.get("PYTEST_XDIST_TESTRUNUID") or str(os.getpid()))


@pytest.fixture(scope="session")
def _debian() -> Iterator[str]:
    if not postgres.has_debian():
        reason = "Debian's PostgreSQL 15 is not installed: make test-tools"
        if REQUIRES_ALL:
            pytest.fail(reason)
        pytest.skip(reason)
    with postgres.debian_server() as url:
        yield url


@pytest.fixture(scope="session")
def server_url(request: pytest.FixtureRequest) -> str:
    """The address of a server; its database is not to be used."""
    url: str = request.getfixturevalue(f"_{request.param}")
    return url


@pytest.fixture(scope="session")
def _worker_database(server_url: str) -> Iterator[str]:
    name = f"test_{uuid.uuid4().hex[:12]}"
    yield postgres.create_database(server_url, name)
    postgres.drop_database(server_url, name)


@pytest.fixture
def database_url(_worker_database: str) -> str:
    """The address of a migrated database without any rows."""
    postgres.empty(_worker_database)
    return _worker_database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Connections to an empty, migrated database."""
    database = Database(database_url, pool_size=5)
    yield database
    await database.close()


@pytest.fixture
def clock() -> SimulatedClock:
    """A clock that moves only when a test says so."""
    return SimulatedClock(datetime(2026, 11, 20, 3, 0, tzinfo=UTC))


@pytest.fixture
def malls() -> Malls:
    """The network: simulated malls by host, and nothing else."""
    return Malls()


@pytest.fixture
def config(tmp_path: Path, database_url: str) -> Config:
    """Settings with everything in the test's own folder."""
    return Config(
        home=tmp_path, database_url=database_url, secret_keys=("a key for tests",), allow_private_addresses=True
    )


@pytest.fixture
def runtime(config: Config, database: Database, clock: SimulatedClock, malls: Malls) -> Runtime:
    """A whole gateway but for its doors: time passes only by the test's word, or when somebody waits."""

    async def sleep(seconds: float) -> None:
        clock.advance(timedelta(seconds=seconds))

    return Runtime.of(config, database, clock=clock.now, budget_clock=clock.now, transport=malls, sleep=sleep)
