"""Reading a list by time windows again and again: which range is next, and where in it we stand.

A mall that lists by date is read in sweeps. Each sweep starts a pass every `every`, and a pass
walks windows of width `window` from now back to `reach`, newest first, page by page. Several
sweeps with growing reach find what an old thread hides: the youngest days every few minutes, the
older months now and then. All of it is data in the cursor, so a crash costs one page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from gateway.sdk.page import Span

# A window whose row count keeps changing under us is accepted after this many fresh starts: the next pass overlaps it.
MAX_RESTARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """One habit of reading.

    `skip` leaves out the youngest part, because another sweep reads it more often. `list_key`
    names the mall's filter or order that the windows apply to.
    """

    name: str
    every: timedelta
    reach: timedelta
    window: timedelta
    skip: timedelta = timedelta()
    list_key: str = "created"


# A damaged cursor may hold any time at all; with these bounds no reach and no window leaves the calendar.
_Time = Annotated[AwareDatetime, Field(ge=datetime(2000, 1, 1, tzinfo=UTC), le=datetime(2200, 1, 1, tzinfo=UTC))]


class _Pass(BaseModel):
    """A pass under way: it began at `started_at`; the window ends at `end`; `position` is the mall's page or row."""

    model_config = ConfigDict(frozen=True)

    started_at: _Time
    end: _Time
    position: Annotated[int, Field(ge=1)] = 1
    total: int | None = None
    restarts: int = 0

    def is_within(self, sweep: Sweep) -> bool:
        """Whether the pass stands where one of `sweep` can stand; after a changed reach or damage it may not."""
        return self.started_at - sweep.reach < self.end <= self.started_at - sweep.skip


class _State(BaseModel):
    model_config = ConfigDict(frozen=True)

    version: int = 1
    began_at: _Time | None = None
    finished: dict[str, _Time] = {}
    passes: dict[str, _Pass] = {}

    def only(self, sweeps: Sequence[Sweep]) -> _State:
        """Return what belongs to `sweeps`: others were there before an upgrade, and their passes would never end."""
        known = {sweep.name: sweep for sweep in sweeps}
        finished = {name: time for name, time in self.finished.items() if name in known}
        passes = {name: one for name, one in self.passes.items() if name in known and one.is_within(known[name])}
        return self.model_copy(update={"finished": finished, "passes": passes})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The next thing to read: `position` of the list between `start` and `end`, both aware UTC."""

    sweep: Sweep
    start: datetime
    end: datetime
    position: int


@dataclass(frozen=True, slots=True)
class SweepCursor:
    """A cursor over sweeps; its text form is what `Page.cursor` carries."""

    sweeps: Sequence[Sweep]
    _state: _State

    @classmethod
    def parse(cls, text: str | None, sweeps: Sequence[Sweep]) -> SweepCursor:
        """Read a cursor's text; None, damage and other versions begin from the start, which is always safe."""
        state = _State()
        if text:
            try:
                state = _State.model_validate_json(text)
            except ValidationError:
                state = _State()
        if state.version != _State().version:
            state = _State()
        return cls(sweeps, state.only(sweeps))

    def __str__(self) -> str:
        return self._state.model_dump_json(exclude_none=True)

    def hastened(self) -> SweepCursor:
        """Return the cursor with the most frequent sweeps due at once, because somebody asks for what is new."""
        soonest = min(sweep.every for sweep in self.sweeps)
        hasty = {sweep.name for sweep in self.sweeps if sweep.every == soonest}
        finished = {name: time for name, time in self._state.finished.items() if name not in hasty}
        return replace(self, _state=self._state.model_copy(update={"finished": finished}))

    def step(self, now: datetime) -> Step | None:
        """Return what to read next: of the sweeps under way or due, the one that is latest by its own measure."""
        due = [sweep for sweep in self.sweeps if sweep.name in self._state.passes or self._is_due(sweep, now)]
        if not due:
            return None
        sweep = max(due, key=lambda sweep: self._lateness(sweep, now))
        current = self._state.passes.get(sweep.name) or self._new_pass(sweep, now)
        return Step(sweep=sweep, start=self._start(sweep, current), end=current.end, position=current.position)

    def advance(
        self, step: Step, now: datetime, *, next_position: int | None, total: int | None = None
    ) -> tuple[SweepCursor, tuple[Span, ...]]:
        """Return the cursor after `step` was read, and the spans that are now read to their last page.

        Args:
            next_position: where the window goes on, None if this was its last page.
            total: rows of the window as the mall counts them. If it changes between the pages of a
                window, rows have shifted under us and the window is read again from its start.
        """
        sweep = step.sweep
        if self._state.began_at is None:
            begun = self._state.model_copy(update={"began_at": now})
            return replace(self, _state=begun).advance(step, now, next_position=next_position, total=total)
        current = self._state.passes.get(sweep.name) or self._new_pass(sweep, now)
        has_shifted = total is not None and current.total is not None and total != current.total
        if has_shifted and current.restarts < MAX_RESTARTS:
            again = current.model_copy(update={"position": 1, "total": None, "restarts": current.restarts + 1})
            return self._with_pass(sweep, again), ()
        if next_position is not None:
            return self._with_pass(sweep, current.model_copy(update={"position": next_position, "total": total})), ()
        span = Span(list_key=sweep.list_key, start=step.start, end=step.end, count=total)
        following = _Pass(started_at=current.started_at, end=step.start)
        if step.start > self._floor(sweep, current):
            return self._with_pass(sweep, following), (span,)
        return self._finished(sweep, current), (span,)

    def has_more(self, now: datetime) -> bool:
        """Whether there is something to read right now."""
        return self.step(now) is not None

    def next_at(self, now: datetime) -> datetime:
        """When the next sweep is due, not before `now`."""
        if self._state.passes:
            return now
        return max(now, min(self._state.finished.get(s.name, now - s.every) + s.every for s in self.sweeps))

    def _is_due(self, sweep: Sweep, now: datetime) -> bool:
        finished = self._state.finished.get(sweep.name)
        # A clock that jumped back must not silence a sweep until it has caught up.
        return finished is None or now >= finished + sweep.every or finished > now + sweep.every

    def _lateness(self, sweep: Sweep, now: datetime) -> tuple[float, int]:
        # A sweep that has never finished counts as due since the cursor began: so on a new channel a long first pass
        # over the past lets the youngest days be read when their turn comes, and is not starved by them either.
        finished = self._state.finished.get(sweep.name)
        since = finished + sweep.every if finished is not None else (self._state.began_at or now)
        return (now - since) / sweep.every, -list(self.sweeps).index(sweep)

    def _new_pass(self, sweep: Sweep, now: datetime) -> _Pass:
        return _Pass(started_at=now, end=now - sweep.skip)

    def _floor(self, sweep: Sweep, current: _Pass) -> datetime:
        return current.started_at - sweep.reach

    def _start(self, sweep: Sweep, current: _Pass) -> datetime:
        return max(current.end - sweep.window, self._floor(sweep, current))

    def _with_pass(self, sweep: Sweep, current: _Pass) -> SweepCursor:
        state = self._state.model_copy(update={"passes": {**self._state.passes, sweep.name: current}})
        return replace(self, _state=state)

    def _finished(self, sweep: Sweep, current: _Pass) -> SweepCursor:
        passes = {name: one for name, one in self._state.passes.items() if name != sweep.name}
        finished = {**self._state.finished, sweep.name: current.started_at.astimezone(UTC)}
        return replace(self, _state=self._state.model_copy(update={"passes": passes, "finished": finished}))
