"""All the tests that this package has."""

from gateway.sdk.testing import contract_for

TestAcme = contract_for("acme")
