"""The demo from start to end."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import httpx

from gateway.config import Config
from gateway.demo.screen import Screen
from gateway.demo.stage import Stage, built_stage, demo_config, make_home, open_database
from gateway.demo.story import tell


def show(*, port: int, ends: bool) -> None:
    """Build the stage, tell the story, and leave everything running unless it `ends`.

    Raises:
        BrokenPromiseError: a step of the story did not happen.
    """
    home = make_home()
    config = demo_config(home, port)
    asyncio.run(_show(config, open_database(config), ends=ends))


async def _show(config: Config, url: str, *, ends: bool) -> None:
    screen = Screen()
    async with built_stage(config, url) as stage:
        headers = {"Authorization": f"Bearer {stage.token}", "Accept-Language": "ja"}
        async with httpx.AsyncClient(base_url=stage.gateway_url, headers=headers, timeout=30) as api:
            await tell(stage.malls, api, screen)
        screen.show_success()
        if not ends:
            addresses = {"gateway": stage.gateway_url, **{mall.key: mall.url for mall in stage.malls}}
            screen.show_running(addresses, stage.token, _commands(stage, config.home))
            await _asked_to_end()


async def _asked_to_end() -> None:
    """Wait for Ctrl-C or SIGTERM; when the story is told, that is an orderly end."""
    asked = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, asked.set)
    await asked.wait()


def _commands(stage: Stage, home: Path) -> list[str]:
    program = Path(sys.argv[0])
    # At a mall that pushes the question is a case at once; others are read when it is their time.
    mall = next((mall for mall in stage.malls if not mall.capabilities.can_pull), stage.malls[0])
    asked = '{"text": "もう一つ質問があります。在庫はありますか？"}'
    return [
        f"curl -s -H 'Authorization: Bearer {stage.token}' '{stage.gateway_url}/v1/cases?status=new'",
        f"curl -s -H 'Content-Type: application/json' -d '{asked}' {mall.url}/_simulator/threads",
        f"GATEWAY_HOME={home} {program} replies list",
    ]
