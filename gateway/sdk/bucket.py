"""The token bucket that limits how often a public address may be used."""

from __future__ import annotations

from datetime import datetime, timedelta


def take_from_bucket(
    free_at: datetime | None, now: datetime, *, limit: int, per: timedelta
) -> tuple[timedelta, datetime]:
    """Take one permit of a bucket that holds `limit` and refills in `per` (generic cell rate algorithm).

    Args:
        free_at: when the bucket would be full again, as the last call returned it; None for a new one.
    Returns:
        (zero, the new `free_at`) when the permit is granted; else (the wait until the next one, `free_at`).
    """
    free_at = max(free_at or now, now)
    wait = free_at - now - (per - per / limit)
    return (wait, free_at) if wait > timedelta() else (timedelta(), free_at + per / limit)
