"""Where reading stands: sweeps over windows, and windows that hold too many rows to be reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from gateway.sdk import Span, Step, Sweep, SweepCursor

# Dates of the mall have whole seconds: a window of two of them cannot be halved in a useful way.
MIN_WINDOW = timedelta(seconds=2)


class _Narrowed(BaseModel):
    """The window of one sweep that ends at `end` begins at `start`, later than its sweep would have it."""

    model_config = ConfigDict(frozen=True)

    start: AwareDatetime
    end: AwareDatetime


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True)

    sweeps: str
    narrowed: dict[str, _Narrowed] = {}


@dataclass(frozen=True, slots=True)
class ListCursor:
    """A `SweepCursor` whose windows can be halved; its text form is what `Page.cursor` carries."""

    _sweeps: SweepCursor
    _narrowed: dict[str, _Narrowed] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str | None, sweeps: Sequence[Sweep]) -> ListCursor:
        """Read a cursor's text; None and damage begin from the start, which is always safe."""
        try:
            form = _Form.model_validate_json(text or "")
        except ValidationError:
            return cls(SweepCursor.parse(None, sweeps))
        return cls(SweepCursor.parse(form.sweeps, sweeps), form.narrowed)

    def __str__(self) -> str:
        return _Form(sweeps=str(self._sweeps), narrowed=self._narrowed).model_dump_json()

    def hastened(self) -> ListCursor:
        """Return the cursor with the most frequent sweep due at once."""
        return replace(self, _sweeps=self._sweeps.hastened())

    def step(self, now: datetime) -> Step | None:
        """Return what to read next, None if nothing is due."""
        step = self._sweeps.step(now)
        if step is None:
            return None
        narrowed = self._narrowed.get(step.sweep.name)
        return replace(step, start=narrowed.start) if narrowed and narrowed.end == step.end else step

    def advance(
        self, step: Step, now: datetime, *, next_position: int | None, total: int | None
    ) -> tuple[ListCursor, tuple[Span, ...]]:
        """Return the cursor after `step` was read, and the spans that are now read to their last page."""
        sweeps, spans = self._sweeps.advance(step, now, next_position=next_position, total=total)
        # A narrowed window that was read stays here without effect: no later one ends where it does.
        return replace(self, _sweeps=sweeps), spans

    def halve(self, step: Step, now: datetime) -> ListCursor:
        """Return the cursor that reads the younger half of `step`'s window from its first page, the rest after it."""
        sweeps, _ = self._sweeps.advance(step, now, next_position=1, total=None)
        half = _Narrowed(start=step.start + (step.end - step.start) / 2, end=step.end)
        return ListCursor(sweeps, {**self._narrowed, step.sweep.name: half})

    def has_more(self, now: datetime) -> bool:
        """Whether there is something to read right now."""
        return self._sweeps.has_more(now)

    def next_at(self, now: datetime) -> datetime:
        """When the next sweep is due, not before `now`."""
        return self._sweeps.next_at(now)


def can_halve(step: Step) -> bool:
    """Whether two halves of the window of `step` would be two windows."""
    return step.end - step.start > MIN_WINDOW
