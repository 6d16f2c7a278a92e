"""The contract kit: what every connector, ours or foreign, must do.

One line runs it: `TestAcme = contract_for("acme")`, or, where something is to be overridden,

    class TestAcme(ConnectorContract):
        connector = AcmeConnector

It needs pytest, pytest-asyncio and Hypothesis. A test is skipped only by capability, never by a mall's name.
"""

from __future__ import annotations

from gateway.sdk.connector import AnyConnector
from gateway.sdk.testing.contract.description import DescriptionContract
from gateway.sdk.testing.contract.failure import FailureContract
from gateway.sdk.testing.contract.marking import MarkingContract
from gateway.sdk.testing.contract.normalising import NormalisingContract
from gateway.sdk.testing.contract.reading import ReadingContract
from gateway.sdk.testing.contract.receiving import ReceivingContract
from gateway.sdk.testing.contract.replying import ReplyingContract
from gateway.sdk.testing.packages import connector_for

__all__ = ["ConnectorContract", "contract_for"]


class ConnectorContract(
    DescriptionContract,
    NormalisingContract,
    ReadingContract,
    ReceivingContract,
    ReplyingContract,
    MarkingContract,
    FailureContract,
):
    """Subclass it with `connector` set; pytest finds the tests by inheritance."""


def contract_for(connector: str | type[AnyConnector]) -> type[ConnectorContract]:
    """Return the kit for a connector, by its key or class, to be bound to a name that begins with `Test`."""
    connector_type = connector_for(connector) if isinstance(connector, str) else connector
    name = "Test" + "".join(word.capitalize() for word in connector_type.key.split("_"))
    return type(name, (ConnectorContract,), {"connector": connector_type})
