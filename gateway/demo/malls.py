"""The simulated malls: those connectors that bring one."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.model.errors import InvalidError
from gateway.registry import discover, get_connector
from gateway.scaffold import TEMPLATE
from gateway.sdk import Capabilities, Text
from gateway.sdk.testing import Simulator, simulator_for


@dataclass(frozen=True, slots=True, kw_only=True)
class Mall:
    """A simulated mall that runs, what its connector can do there, and the address of its channel to be."""

    key: str
    name: Text
    url: str
    address: str
    simulator: Simulator
    capabilities: Capabilities


def find_simulator(key: str) -> type[Simulator]:
    """Return the simulator of the connector with this key.

    Raises:
        NotFoundError: there is no such connector. InvalidError: it brings no simulator.
    """
    connector = get_connector(key)
    try:
        return simulator_for(connector)
    except (ModuleNotFoundError, AttributeError) as error:
        raise InvalidError(
            "no_simulator",
            Text(ja=f"コネクタ {key} にはシミュレーターがありません。", en=f"The connector {key} brings no simulator."),
        ) from error


def list_simulators() -> dict[str, type[Simulator]]:
    """Return the simulators of all connectors by key; the template, which is nobody's mall, is left out."""
    simulators: dict[str, type[Simulator]] = {}
    for key in sorted(discover().connectors):
        if key != TEMPLATE:
            try:
                simulators[key] = find_simulator(key)
            except InvalidError:
                continue
    return simulators
