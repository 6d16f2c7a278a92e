"""What every part of the contract kit shares."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

import pytest
import pytest_asyncio

from gateway.sdk.connector import AnyConnector
from gateway.sdk.testing.contract.rig import Rig
from gateway.sdk.testing.packages import simulator_for
from gateway.sdk.testing.simulator import Simulator


def needs(is_met: bool, reason: str) -> None:
    """Skip the test, with the capability that is missing as the reason."""
    if not is_met:
        pytest.skip(reason)


@pytest.mark.asyncio
class ContractPart:
    """Base of the parts: the connector under test and a channel of it at its simulator.

    Without `simulator`, the one in the connector's own package is taken.
    """

    connector: ClassVar[type[AnyConnector]]
    simulator: ClassVar[type[Simulator] | None] = None

    @classmethod
    def simulator_type(cls) -> type[Simulator]:
        """Return the simulator, loaded no earlier than a test asks: a broken one is that connector's trouble alone."""
        return cls.simulator or simulator_for(cls.connector)

    @pytest_asyncio.fixture
    async def rig(self) -> AsyncIterator[Rig]:
        """A channel at an empty simulated mall whose clock stands still."""
        rig = Rig(self.connector, self.simulator_type())
        yield rig
        await rig.aclose()
