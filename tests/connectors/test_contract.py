"""The contract kit over every connector that discovery finds; `-k TestExample` runs it for one."""

from gateway.sdk.discovery import discover
from gateway.sdk.testing import contract_for

found = discover()

for connector_type in found.connectors.values():
    contract = contract_for(connector_type)
    globals()[contract.__name__] = contract
del connector_type, contract


def test_every_connector_can_be_loaded() -> None:
    assert found.problems == ()
    assert "example" in found.connectors
