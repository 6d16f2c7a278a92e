"""The container files, checked without an engine: what they call exists, and what they set is known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from gateway.cli import app
from gateway.config import Config
from gateway.registry import discover

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "madoguchi"}
KNOWN = {f"GATEWAY_{name.upper()}" for name in Config.model_fields}


def resolve(arguments: list[str]) -> dict[str, Any]:
    """Return the parameters that the command line takes from `arguments`; a wrong word is an error."""
    command = typer.main.get_command(app)
    context = command.make_context("gateway", list(arguments))
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(name, list(rest), parent=context)
    return dict(context.params)


def variables(text: str) -> Iterator[str]:
    return (match.group() for match in re.finditer(r"GATEWAY_[A-Z_]+", text))


@pytest.mark.parametrize("name", OURS)
def test_every_service_runs_a_command_that_exists(name: str) -> None:
    assert resolve(OURS[name]["command"]) is not None


def test_a_command_that_does_not_exist_is_noticed() -> None:
    with pytest.raises(Exception, match="No such command"):
        resolve(["serv"])
    with pytest.raises(Exception, match="No such option"):
        resolve(["serve", "--no-workers"])


@pytest.mark.parametrize("file", ["docker-compose.yml", "Dockerfile", ".env.example"])
def test_every_variable_is_a_setting(file: str) -> None:
    found = set(variables((ROOT / file).read_text(encoding="utf-8")))

    assert found, "a file without variables would prove nothing"
    assert found <= KNOWN


def test_the_api_has_no_worker_inside_and_two_workers_beside_it() -> None:
    workers = [name for name, service in OURS.items() if service["command"] == ["worker"]]

    assert len(workers) == 2
    assert resolve(OURS["api"]["command"])["with_worker"] is False


def test_workers_get_as_long_to_end_as_a_send_may_take() -> None:
    grace = OURS["worker-1"]["stop_grace_period"]

    assert grace == f"{Config.model_fields['lease'].default.total_seconds():.0f}s"


def test_the_simulated_malls_are_connectors() -> None:
    simulated = {service["command"][1] for service in OURS.values() if service["command"][0] == "simulate"}

    assert len(simulated) == 3
    assert simulated <= set(discover().connectors)


def test_services_wait_for_what_they_need() -> None:
    assert COMPOSE["services"]["postgres"]["healthcheck"]["test"]
    assert OURS["upgrade"]["command"] == ["db", "upgrade"]
    assert OURS["upgrade"]["depends_on"]["postgres"]["condition"] == "service_healthy"
    for name in ("api", "worker-1", "worker-2"):
        assert OURS[name]["depends_on"]["upgrade"]["condition"] == "service_completed_successfully"


def test_gateways_share_database_and_key() -> None:
    environments = [OURS[name]["environment"] for name in ("api", "worker-1", "worker-2", "upgrade")]

    assert all(environment == environments[0] for environment in environments)
    assert all(OURS[name]["volumes"] == ["data:/data"] for name in ("api", "worker-1", "worker-2"))


def test_ports_are_published_on_this_machine_only() -> None:
    published = [port for service in COMPOSE["services"].values() for port in service.get("ports", [])]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)
    assert len({port.split(":")[1] for port in published}) == len(published)


def test_the_supported_server_is_used() -> None:
    image, _, version = COMPOSE["services"]["postgres"]["image"].partition(":")

    assert image == "postgres"
    assert int(version) >= 15


def test_the_image_is_built_from_the_lock_and_runs_without_root() -> None:
    assert "--require-hashes -r requirements/runtime.txt" in DOCKERFILE
    instructions = [line.split(maxsplit=1) for line in DOCKERFILE.splitlines() if re.match(r"[A-Z]+ ", line)]
    users = [words for name, words in instructions if name == "USER"]
    assert users == ["gateway"]
    assert yaml.safe_load(dict(instructions)["ENTRYPOINT"]) == ["gateway"]
    assert resolve(yaml.safe_load(dict(instructions)["CMD"])) is not None


def test_the_health_check_asks_a_path_that_the_api_has() -> None:
    document = json.loads((ROOT / "openapi" / "gateway.json").read_text(encoding="utf-8"))
    asked = re.findall(r"http://127\.0\.0\.1:8400(/[a-z/]+)", DOCKERFILE)

    assert asked
    assert set(asked) <= set(document["paths"])


def test_everything_that_is_copied_into_the_image_exists_and_is_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    copied = [
        path
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for path in line.split()[1:-1]
    ]

    assert copied
    for path in copied:
        assert (ROOT / path).exists()
        assert f"!{path.split('/')[0]}" in ignored
