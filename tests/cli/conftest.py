"""The command line at a database of its own, and a simulated mall behind a real socket."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import run
from gateway.sdk.testing import Simulator, serving, simulator_for


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    exit_code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Cli:
    """Runs commands in this process, as `gateway …` does."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Ran:
        exit_code = run(arguments)
        out, err = self._capsys.readouterr()
        return Ran(exit_code, out, err)


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str
) -> Iterator[Cli]:
    """The command line, set up by environment variables as an operator does it."""
    monkeypatch.setenv("GATEWAY_HOME", str(tmp_path))
    monkeypatch.setenv("GATEWAY_DATABASE_URL", database_url)
    monkeypatch.setenv("GATEWAY_ALLOW_PRIVATE_ADDRESSES", "true")
    monkeypatch.setenv("GATEWAY_LANGUAGE", "en")
    root, ours = logging.getLogger(), logging.getLogger("gateway")
    kept = (list(root.handlers), root.level, ours.level)
    yield Cli(capsys)
    root.handlers[:], root.level, ours.level = kept


@dataclass(frozen=True)
class RunningMall:
    """A simulated mall, and where it listens."""

    simulator: Simulator
    url: str

    def settings(self) -> dict[str, Any]:
        return self.simulator.settings(self.url)


@pytest.fixture
def mall() -> Iterator[RunningMall]:
    """A simulated mall with its data set, served by a thread of its own."""
    simulator = simulator_for("rakuten")()
    simulator.seed()
    address: list[str] = []
    is_up, is_over = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with serving(simulator.app) as url:
            address.append(url)
            is_up.set()
            await is_over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert is_up.wait(timeout=20)
    yield RunningMall(simulator, address[0])
    loop.call_soon_threadsafe(is_over.set)
    thread.join(timeout=20)
    loop.close()


@pytest.fixture
def settings_file(mall: RunningMall, tmp_path: Path) -> Path:
    """The settings of a channel that works, in a file."""
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(mall.settings()), encoding="utf-8")
    return file


@pytest.fixture
def channel(cli: Cli, settings_file: Path) -> str:
    """A channel at the mall; returns its name."""
    added = cli("channels", "add", "rakuten", "--name", "本店", "--from-file", str(settings_file))
    assert added.exit_code == 0, added.err
    return "本店"
