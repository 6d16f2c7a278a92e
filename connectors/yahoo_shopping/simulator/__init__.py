"""Yahoo! Shopping in one process: the token host and the inquiry API, as their specification describes them."""

from connectors.yahoo_shopping.simulator.mall import YahooShoppingSimulator
from connectors.yahoo_shopping.simulator.options import Options

simulator = YahooShoppingSimulator

__all__ = ["Options", "YahooShoppingSimulator", "simulator"]
