"""`-k rakuten` runs the contract kit of the connector with that key."""

import pytest


def pytest_itemcollected(item: pytest.Item) -> None:
    connector = getattr(getattr(item, "cls", None), "connector", None)
    if connector is not None:
        item.extra_keyword_matches.add(connector.key)
