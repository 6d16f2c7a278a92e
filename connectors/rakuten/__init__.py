"""Rakuten Ichiba: the inquiry inbox R-Messe, through RMS WEB SERVICE."""

from connectors.rakuten.connector import RakutenConnector

connector = RakutenConnector

__all__ = ["RakutenConnector", "connector"]
