"""Example Market, an invented mall: the smallest complete connector, and the template of a new one."""

from connectors.example.connector import ExampleConnector

connector = ExampleConnector

__all__ = ["connector"]
