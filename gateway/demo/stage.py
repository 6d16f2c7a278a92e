"""What the demo needs around its story: simulated malls behind real sockets, a gateway behind another."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import logging
import shutil
import tempfile
from collections.abc import AsyncIterator, Coroutine, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn

from gateway import migrations
from gateway.app import create_app
from gateway.casework import tokens
from gateway.config import Config, load_config
from gateway.db import Database, database_url
from gateway.demo.courier import carry
from gateway.demo.malls import Mall, list_simulators
from gateway.demo.sockets import address_of, listen
from gateway.log import configure_logging
from gateway.model import Scope
from gateway.registry import get_connector
from gateway.runtime import Runtime
from gateway.sdk.testing import Simulator, serving

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Everything that runs: the malls, the gateway's address, and a token that may do everything."""

    malls: tuple[Mall, ...]
    gateway_url: str
    token: str


def demo_config(home: Path, port: int) -> Config:
    """Return settings of a gateway that keeps everything in `home`, and whose waits suit somebody who watches.

    What the environment says about a real gateway's database, keys and files does not reach the demo.
    """
    return load_config(
        home=home,
        database_url=None,
        secret_keys=(),
        files_url=None,
        files_options={},
        host=HOST,
        port=port,
        public_url=None,
        allow_private_addresses=True,
        settle_after=tuple(timedelta(seconds=seconds) for seconds in (1, 2, 3)),
        tick_interval=timedelta(seconds=0.5),
        poll_interval=timedelta(seconds=0.5),
        pull_interval=timedelta(seconds=5),
    )


def make_home() -> Path:
    """Return a new folder that is gone when the process ends, after the database server in it has stopped."""
    home = Path(tempfile.mkdtemp(prefix="madoguchi-demo-"))
    # What is registered first runs last: the embedded server registers its own end when it starts.
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    return home


@contextlib.asynccontextmanager
async def built_stage(config: Config, url: str) -> AsyncIterator[Stage]:
    """Start the malls and the gateway while the block runs; `url` is a database with the current schema."""
    database = Database(url)
    runtime = Runtime.of(config, database, worker="demo")
    async with contextlib.AsyncExitStack() as running:
        running.push_async_callback(database.close)
        async with database.session() as db:
            _, token = await tokens.create(db, name="demo", scopes=list(Scope), now=runtime.clock())
            await db.commit()
        gateway_url = await running.enter_async_context(_serving_gateway(runtime))
        malls = [
            await running.enter_async_context(_serving_mall(key, simulator(), gateway_url))
            for key, simulator in list_simulators().items()
        ]
        yield Stage(malls=tuple(malls), gateway_url=gateway_url, token=token)


def open_database(config: Config) -> str:
    """Start the embedded database, bring it up to date, and return its address."""
    configure_logging("CRITICAL")
    # The story tells what happens; the log of the engine would tell it a second time, between its lines.
    logging.getLogger("gateway").setLevel(logging.CRITICAL)
    url = database_url(config)
    migrations.upgrade(url)
    return url


@contextlib.asynccontextmanager
async def _serving_mall(key: str, simulator: Simulator, gateway_url: str) -> AsyncIterator[Mall]:
    connector, address = get_connector(key), f"demo-{key}"
    async with serving(simulator.app, host=HOST) as url:
        # A mall that pushes has to know where to before its people begin to write.
        simulator.settings(url, address=address)
        simulator.seed()
        async with _running(carry(simulator, gateway_url)):
            yield Mall(
                key=key,
                name=connector.name,
                url=url,
                address=address,
                simulator=simulator,
                capabilities=connector.capabilities,
            )


class _Server(uvicorn.Server):
    """A server that leaves signals to the demo, which handles them for all that it has started."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _serving_gateway(runtime: Runtime) -> AsyncIterator[str]:
    listener = listen(runtime.config.host, runtime.config.port)
    app = create_app(runtime, with_worker=True)
    server = _Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5))
    serving_it = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        # The socket listens already: who is too early waits in its queue until the server answers.
        yield address_of(listener)
    finally:
        server.should_exit = True
        await serving_it


@contextlib.asynccontextmanager
async def _running(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run `work` beside the block and end it with the block."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
