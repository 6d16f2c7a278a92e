"""All routers, in the order in which paths are matched."""

from gateway.api import attachments, cases, channels, connectors, events, health, jobs, records, replies

ROUTERS = tuple(
    module.router for module in (cases, replies, attachments, channels, connectors, records, events, jobs, health)
)
