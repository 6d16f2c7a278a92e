"""The commands that stay: the API, a worker, a simulated mall."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import Annotated

import typer

from gateway import worker as working
from gateway.cli.opened import with_runtime
from gateway.cli.screen import print_line
from gateway.config import load_config
from gateway.demo.sockets import address_of, listen
from gateway.runtime import Runtime

# How long requests that are being answered may still take when the API is asked to stop.
LAST_REQUESTS_SECONDS = 20


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; GATEWAY_HOST otherwise.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; GATEWAY_PORT otherwise.")] = None,
    with_worker: Annotated[
        bool | None,
        typer.Option(
            "--worker/--no-worker", help="Run a worker inside; without a word: only on the embedded database."
        ),
    ] = None,
) -> None:
    """Serve the API. On the embedded database this one process is a whole gateway."""
    # The web framework takes its time to load, and only this command needs it.
    import uvicorn

    from gateway.app import create_app

    config = load_config()
    inside = config.database_url is None if with_worker is None else with_worker
    # The port is taken before anything is started: whoever starts a second gateway learns it at once.
    listener = listen(host or config.host, config.port if port is None else port)

    async def work(runtime: Runtime) -> None:
        app = create_app(runtime, with_worker=inside)
        print_line(f"gateway: serving {address_of(listener)}{' with a worker inside' if inside else ''}")
        await uvicorn.Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=LAST_REQUESTS_SECONDS,
            )
        ).serve(sockets=[listener])

    with_runtime(work, logs=True)


def worker() -> None:
    """Run jobs until stopped. SIGTERM lets the running ones finish first; any number of workers may run."""

    async def work(runtime: Runtime) -> None:
        running = asyncio.create_task(working.run(runtime, install_signal_handlers=False))
        # Ours from the first moment on: the engine's own handlers come later, and a stop before them would be lost.
        for one in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(one, running.cancel)
        print_line(f"gateway: worker {runtime.worker} runs")
        with contextlib.suppress(asyncio.CancelledError):
            await running

    with_runtime(work, logs=True)


def simulate(
    key: Annotated[str, typer.Argument(help="The connector whose mall is simulated, such as example.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 0,
    gateway: Annotated[
        str | None, typer.Option(help="Address of the gateway to which a mall that pushes delivers.")
    ] = None,
    seeds: Annotated[bool, typer.Option("--seed/--no-seed", help="Begin with the mall's set of inquiries.")] = True,
) -> None:
    """Serve one simulated mall over HTTP; what its people do is under /_simulator."""
    from gateway.demo.courier import carry
    from gateway.demo.malls import find_simulator
    from gateway.sdk.testing import serving

    simulator = find_simulator(key)()
    if seeds:
        simulator.seed()

    async def work() -> None:
        async with serving(simulator.app, host=host, port=port) as url:
            print_line(f"gateway: simulated {key} at {url}")
            if gateway is None:
                await asyncio.Event().wait()
            else:
                await carry(simulator, gateway)

    asyncio.run(work())
