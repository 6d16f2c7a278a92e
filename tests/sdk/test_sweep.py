"""Sweeps: whatever the clock and the mall's list do, every range within reach is read to its last page."""

from datetime import UTC, datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.sdk import Span, Sweep, SweepCursor

START = datetime(2026, 11, 18, 1, 23, 45, tzinfo=UTC)
RECENT = Sweep(name="recent", every=timedelta(minutes=5), reach=timedelta(days=7), window=timedelta(days=7))
DEEP = Sweep(
    name="deep",
    every=timedelta(hours=12),
    reach=timedelta(days=180),
    window=timedelta(days=30),
    skip=timedelta(days=6),
)
SWEEPS = (RECENT, DEEP)


def read_all(cursor: SweepCursor, now: datetime, *, pages: int = 1) -> tuple[SweepCursor, list[Span]]:
    """Read everything that is due at `now`, `pages` pages a window."""
    spans: list[Span] = []
    for _ in range(10_000):
        step = cursor.step(now)
        if step is None:
            return cursor, spans
        following = step.position + 1 if step.position < pages else None
        cursor, covered = cursor.advance(step, now, next_position=following)
        cursor = SweepCursor.parse(str(cursor), cursor.sweeps)
        spans += covered
    raise AssertionError("reading does not come to an end")


def is_covered(spans: list[Span], start: datetime, end: datetime) -> bool:
    """Whether the spans together cover every moment from `start` to `end`."""
    reached = start
    for span in sorted(spans, key=lambda span: span.start):
        if span.start <= reached:
            reached = max(reached, span.end)
    return reached >= end


def test_the_first_reading_covers_all_within_reach() -> None:
    cursor, spans = read_all(SweepCursor.parse(None, SWEEPS), START)

    assert is_covered(spans, START - timedelta(days=180), START)
    assert not cursor.has_more(START)


def test_the_youngest_days_are_read_first() -> None:
    step = SweepCursor.parse(None, SWEEPS).step(START)

    assert step is not None
    assert (step.sweep, step.start, step.end, step.position) == (RECENT, START - timedelta(days=7), START, 1)


def test_a_sweep_is_due_again_after_its_own_interval() -> None:
    cursor, _ = read_all(SweepCursor.parse(None, SWEEPS), START)

    assert cursor.next_at(START) == START + timedelta(minutes=5)
    assert cursor.step(START + timedelta(minutes=5) - timedelta(microseconds=1)) is None
    step = cursor.step(START + timedelta(minutes=5))
    assert step is not None
    assert step.sweep is RECENT


def test_the_pages_of_a_window_are_read_in_turn() -> None:
    cursor = SweepCursor.parse(None, (RECENT,))
    first = cursor.step(START)
    assert first is not None

    cursor, covered = cursor.advance(first, START, next_position=2, total=150)

    second = cursor.step(START + timedelta(seconds=1))
    assert second is not None
    assert covered == ()
    assert (second.start, second.end, second.position) == (first.start, first.end, 2)
    assert cursor.next_at(START) == START


def test_a_window_whose_count_changes_is_read_again_from_its_start() -> None:
    cursor = SweepCursor.parse(None, (RECENT,))
    first = cursor.step(START)
    assert first is not None
    cursor, _ = cursor.advance(first, START, next_position=2, total=150)
    second = cursor.step(START)
    assert second is not None

    cursor, covered = cursor.advance(second, START, next_position=None, total=151)

    again = cursor.step(START)
    assert again is not None
    assert covered == ()
    assert again.position == 1


def test_a_window_that_never_stands_still_is_left_in_the_end() -> None:
    cursor = SweepCursor.parse(None, (RECENT,))
    covered: tuple[Span, ...] = ()
    for total in range(100):
        step = cursor.step(START)
        if step is None:
            break
        cursor, covered = cursor.advance(step, START, next_position=2 if step.position == 1 else None, total=total)

    assert cursor.step(START) is None
    assert [(span.start, span.end) for span in covered] == [(START - timedelta(days=7), START)]


def test_the_span_tells_what_the_mall_counted() -> None:
    cursor = SweepCursor.parse(None, (RECENT,))
    step = cursor.step(START)
    assert step is not None

    _, covered = cursor.advance(step, START, next_position=None, total=42)

    assert covered == (Span(list_key="created", start=START - timedelta(days=7), end=START, count=42),)


def test_a_clock_that_jumped_back_does_not_silence_a_sweep() -> None:
    cursor, _ = read_all(SweepCursor.parse(None, (RECENT,)), START + timedelta(days=30))

    assert cursor.step(START) is not None


def test_a_small_step_back_of_the_clock_starts_nothing() -> None:
    cursor, _ = read_all(SweepCursor.parse(None, (RECENT,)), START)

    assert cursor.step(START - timedelta(seconds=30)) is None


def test_a_longer_reach_after_an_upgrade_is_read() -> None:
    cursor, _ = read_all(SweepCursor.parse(None, (RECENT,)), START)

    upgraded = SweepCursor.parse(str(cursor), SWEEPS)

    step = upgraded.step(START)
    assert step is not None
    assert step.sweep is DEEP


def test_a_sweep_that_is_gone_after_an_upgrade_is_forgotten() -> None:
    cursor = SweepCursor.parse(None, SWEEPS)
    step = cursor.step(START)
    assert step is not None
    cursor, _ = cursor.advance(step, START, next_position=2)

    changed = SweepCursor.parse(str(cursor), (DEEP,))

    following, spans = read_all(changed, START)
    assert is_covered(spans, START - timedelta(days=180), START - timedelta(days=6))
    assert not following.has_more(START)
    assert following.next_at(START) == START + timedelta(hours=12)


@given(
    st.text()
    | st.just('{"version":1,"passes":{"recent":{"started_at":"0001-01-01T00:00:00Z","end":"0001-01-01T00:00:00Z"}}}')
)
def test_any_text_is_a_cursor(text: str) -> None:
    cursor = SweepCursor.parse(text, SWEEPS)

    step = cursor.step(START)
    assert step is not None
    assert step.start < step.end


@given(st.data())
def test_a_damaged_cursor_is_a_cursor(data: st.DataObject) -> None:
    cursor = SweepCursor.parse(None, SWEEPS)
    step = cursor.step(START)
    assert step is not None
    text = str(cursor.advance(step, START, next_position=3, total=9)[0])
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))

    damaged = SweepCursor.parse(text[:start] + data.draw(st.text(max_size=4)) + text[end:], SWEEPS)

    _, spans = read_all(damaged, START)
    assert all(span.start < span.end for span in spans)


@given(
    st.lists(
        st.tuples(st.integers(-3 * 86_400, 3 * 86_400), st.integers(0, 12), st.integers(1, 3), st.integers(0, 2)),
        max_size=25,
    )
)
def test_whatever_happens_on_the_way_a_day_of_quiet_covers_all_within_reach(
    happenings: list[tuple[int, int, int, int]],
) -> None:
    now = START
    cursor = SweepCursor.parse(None, SWEEPS)
    for seconds, steps, pages, growth in happenings:
        now += timedelta(seconds=seconds)
        for number in range(steps):
            step = cursor.step(now)
            if step is None:
                break
            following = step.position + 1 if step.position < pages else None
            cursor, _ = cursor.advance(step, now, next_position=following, total=5 + number * growth)
            cursor = SweepCursor.parse(str(cursor), SWEEPS)
    # What was read before does not count: the promise is about the time after the trouble.
    quiet_since = now
    spans: list[Span] = []
    for _ in range(25):
        now += timedelta(hours=1)
        cursor, covered = read_all(cursor, now, pages=2)
        spans += covered

    assert is_covered(spans, quiet_since - timedelta(days=170), now)


@given(st.integers(1, 90), st.integers(1, 400), st.integers(0, 30), st.integers(1, 4))
def test_the_windows_of_a_pass_leave_no_hole(window: int, reach: int, skip: int, pages: int) -> None:
    assume(skip < reach)
    sweep = Sweep(
        name="any",
        every=timedelta(hours=1),
        reach=timedelta(days=reach),
        window=timedelta(days=window),
        skip=timedelta(days=skip),
    )

    _, spans = read_all(SweepCursor.parse(None, (sweep,)), START, pages=pages)

    assert is_covered(spans, START - timedelta(days=reach), START - timedelta(days=skip))
    assert all(span.end - span.start <= timedelta(days=window) for span in spans)
