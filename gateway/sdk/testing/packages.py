"""From a connector to the package it lives in, and to the simulator beside it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from gateway.sdk.connector import AnyConnector
from gateway.sdk.discovery import discover
from gateway.sdk.testing.simulator import Simulator


def connector_for(key: str) -> type[AnyConnector]:
    """Return the connector with this key.

    Raises:
        LookupError: there is none; the message tells those that exist, and what failed to load.
    """
    found = discover()
    if key not in found.connectors:
        reasons = "".join(f"; {problem.place}: {problem.reason}" for problem in found.problems)
        raise LookupError(f"no connector {key}, only {', '.join(sorted(found.connectors))}{reasons}")
    return found.connectors[key]


def package_name(connector_type: type[AnyConnector]) -> str:
    """Return the name of the package that holds the connector, such as `connectors.example`."""
    module = sys.modules[connector_type.__module__]
    return (module.__spec__.parent if module.__spec__ else None) or connector_type.__module__


def package_folder(connector_type: type[AnyConnector]) -> Path:
    """Return the folder of the connector's package."""
    return Path(importlib.import_module(package_name(connector_type)).__path__[0])


def simulator_for(connector: str | type[AnyConnector]) -> type[Simulator]:
    """Return the simulator of a connector, by its class or key: the name `simulator` in its module `simulator`."""
    connector_type = connector_for(connector) if isinstance(connector, str) else connector
    found: type[Simulator] = importlib.import_module(f"{package_name(connector_type)}.simulator").simulator
    return found
