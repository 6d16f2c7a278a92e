"""The contract kit, simulators and doubles that connectors are tested with."""

from gateway.sdk.testing.clock import SimulatedClock
from gateway.sdk.testing.faults import Fault, FaultKind, Faults
from gateway.sdk.testing.memory import MemoryBudget, MemoryMemo, MemoryTokens, memory_context
from gateway.sdk.testing.server import serving, simulator_server
from gateway.sdk.testing.simulator import (
    SimulatedFile,
    SimulatedMessage,
    SimulatedRequest,
    SimulatedThread,
    Simulator,
)

__all__ = [
    "Fault",
    "FaultKind",
    "Faults",
    "MemoryBudget",
    "MemoryMemo",
    "MemoryTokens",
    "SimulatedClock",
    "SimulatedFile",
    "SimulatedMessage",
    "SimulatedRequest",
    "SimulatedThread",
    "Simulator",
    "memory_context",
    "serving",
    "simulator_server",
]
