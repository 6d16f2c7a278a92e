"""Acme Classifieds, an invented board with a change feed and no way to answer through it."""

from gateway_connector_acme.connector import AcmeConnector

connector = AcmeConnector
