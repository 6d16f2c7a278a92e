"""Yahoo! Shopping: the inquiry management API (externalTalk…) of LY Corporation."""

from connectors.yahoo_shopping.connector import YahooShoppingConnector

connector = YahooShoppingConnector

__all__ = ["connector"]
