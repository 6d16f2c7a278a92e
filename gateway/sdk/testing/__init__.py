"""The contract kit, simulators and doubles that connectors are tested with.

Simulators also run in the demo, where pytest is not installed; the kit, which needs it, is loaded on first use, and so
is `fixtures`, which is a program too.
"""

import importlib
import sys
from typing import TYPE_CHECKING, Any

from gateway.sdk.testing.clock import SimulatedClock
from gateway.sdk.testing.faults import Fault, FaultKind, Faults
from gateway.sdk.testing.memory import MemoryBudget, MemoryMemo, MemoryTokens, memory_context
from gateway.sdk.testing.packages import simulator_for
from gateway.sdk.testing.server import serving, simulator_server
from gateway.sdk.testing.simulator import (
    SimulatedFile,
    SimulatedMessage,
    SimulatedRequest,
    SimulatedThread,
    Simulator,
)

if TYPE_CHECKING:
    from gateway.sdk.testing.contract import ConnectorContract, contract_for
    from gateway.sdk.testing.fixtures import FixturePair, fixture_pairs

__all__ = [
    "ConnectorContract",
    "Fault",
    "FaultKind",
    "Faults",
    "FixturePair",
    "MemoryBudget",
    "MemoryMemo",
    "MemoryTokens",
    "SimulatedClock",
    "SimulatedFile",
    "SimulatedMessage",
    "SimulatedRequest",
    "SimulatedThread",
    "Simulator",
    "contract_for",
    "fixture_pairs",
    "memory_context",
    "serving",
    "simulator_for",
    "simulator_server",
]


CONTRACT = "gateway.sdk.testing.contract"


def __getattr__(name: str) -> Any:
    match name:
        case "ConnectorContract" | "contract_for":
            import pytest

            # Assertions explain themselves only if pytest knows of the module before it is loaded.
            if CONTRACT not in sys.modules:
                pytest.register_assert_rewrite(CONTRACT)
            return getattr(importlib.import_module(CONTRACT), name)
        case "FixturePair" | "fixture_pairs":
            return getattr(importlib.import_module("gateway.sdk.testing.fixtures"), name)
        case _:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
