"""The shop's own site."""

from connectors.storefront.connector import StorefrontConnector

connector = StorefrontConnector

__all__ = ["connector"]
