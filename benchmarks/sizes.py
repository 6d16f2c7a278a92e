"""How much is measured: the sizes of a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """One set of sizes; durations are seconds."""

    name: str
    threads: int
    """Inquiries that one ingest round reads; a thread has 2.5 messages on average."""
    rounds: int
    """Measured rounds of ingest, after one that only warms up."""
    replies: int
    """Replies whose way to the mall is timed."""
    reply_pause: float
    """Wait between two replies: their ways are timed one by one, not as a crowd."""
    channels: int
    """Channels of the worker whose memory is measured."""
    idle_channels: int
    idle_seconds: float
    stored: tuple[int, ...]
    """Messages that are stored already, level by level, when growth is measured."""
    growth_threads: int
    lists: int
    """How often each list of cases is timed on each level."""


FULL = Sizes(
    name="full",
    threads=2_000,
    rounds=5,
    replies=300,
    reply_pause=0.05,
    channels=1_000,
    idle_channels=100,
    idle_seconds=30.0,
    stored=(10_000, 100_000, 1_000_000),
    growth_threads=1_000,
    lists=40,
)

QUICK = Sizes(
    name="quick",
    threads=500,
    rounds=3,
    replies=60,
    reply_pause=0.03,
    channels=50,
    idle_channels=100,
    idle_seconds=6.0,
    stored=(1_000, 10_000),
    growth_threads=300,
    lists=15,
)

TINY = Sizes(
    name="tiny",
    threads=20,
    rounds=1,
    replies=3,
    reply_pause=0.0,
    channels=3,
    idle_channels=2,
    idle_seconds=0.5,
    stored=(50, 100),
    growth_threads=10,
    lists=2,
)
