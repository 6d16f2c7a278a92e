"""A clock that tests and demos can move."""

from datetime import UTC, datetime, timedelta


class SimulatedClock:
    """Time at a simulated mall: frozen at `start`, or running with the real time when there is no start."""

    def __init__(self, start: datetime | None = None) -> None:
        self._frozen_at = start
        self._offset = timedelta()

    def now(self) -> datetime:
        """Return the simulated time, aware and in UTC."""
        return (self._frozen_at or datetime.now(UTC)).astimezone(UTC) + self._offset

    def advance(self, duration: timedelta) -> datetime:
        """Move the clock by `duration`, also backwards, and return the new time."""
        self._offset += duration
        return self.now()
