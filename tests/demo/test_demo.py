"""`gateway demo`: the story is told, each step of it happened, and nothing is left behind."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from gateway.demo.malls import list_simulators
from gateway.registry import get_connector

GATEWAY = Path(sys.executable).with_name("gateway")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An operator's environment: what it says about a real gateway must not reach the demo."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    return {
        **kept,
        "TMPDIR": str(tmp_path),
        "GATEWAY_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/real",
        "GATEWAY_HOME": str(tmp_path / "real"),
        "GATEWAY_SECRET_KEYS": "a real key",
    }


@pytest.fixture
def told(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(GATEWAY), "demo", "--once", "--port", "0"], env=environment, capture_output=True, text=True, timeout=110
    )


def test_the_whole_story_is_told_once_and_nothing_stays(told: subprocess.CompletedProcess[str], tmp_path: Path) -> None:
    assert told.stderr == ""
    assert told.returncode == 0
    assert len(list_simulators()) >= 3
    for key in list_simulators():
        name = get_connector(key).name.ja
        assert re.search(rf"^ {re.escape(name)} {key} +http://127\.0\.0\.1:\d+ +chan_", told.stdout, re.MULTILINE)
        assert int(re.search(rf"^{re.escape(name)} (\d+) 件", told.stdout, re.MULTILINE)[1]) > 0  # type: ignore[index]
        assert re.search(rf"^{re.escape(name)} rpl_\w+ → 送信済み sent$", told.stdout, re.MULTILINE)
    cut = told.stdout.split("回線を切ります")[1]
    assert re.search("unknown.*sent.*試行 attempt 1: unknown", cut, re.DOTALL)
    assert "Every step above was checked" in cut
    assert list(tmp_path.glob("madoguchi-demo-*")) == []
    assert not (tmp_path / "real").exists()


@pytest.fixture
def running(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A demo that goes on running, and all that it has said."""
    process = subprocess.Popen(
        [str(GATEWAY), "demo", "--port", "0"],
        env={**environment, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if "Ctrl-C" in line:
            break
    yield process, "".join(said)
    process.kill()
    process.communicate()


def test_it_goes_on_running_until_ctrl_c_and_its_commands_work(
    running: tuple[subprocess.Popen[str], str], tmp_path: Path
) -> None:
    process, said = running
    headers, address = re.search(r"curl -s -H '(Authorization: [^']+)' '([^']+)'", said).groups()  # type: ignore[union-attr]
    body, mall = re.search(r"-d '([^']+)' (\S+)", said).groups()  # type: ignore[union-attr]
    home = re.search(r"GATEWAY_HOME=(\S+)", said)[1]  # type: ignore[index]

    cases = httpx.get(address, headers=[tuple(headers.split(": "))])  # type: ignore[list-item]
    written = httpx.post(mall, content=body.encode(), headers={"content-type": "application/json"})
    listed = subprocess.run(
        [str(GATEWAY), "replies", "list", "--json"],
        env={"PATH": os.environ["PATH"], "GATEWAY_HOME": home, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    process.send_signal(signal.SIGINT)
    exit_code = process.wait(timeout=30)

    assert cases.json()["items"]
    assert written.status_code == 201
    assert '"sent"' in listed.stdout
    assert exit_code == 0
    assert not Path(home).exists()


def test_a_taken_port_is_said_in_one_line(environment: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        refused = subprocess.run(
            [str(GATEWAY), "demo", "--once", "--port", str(port)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    assert refused.returncode == 2
    assert refused.stderr == (f"gateway: 127.0.0.1:{port} is in use; stop the other program or choose another --port\n")
