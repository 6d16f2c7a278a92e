"""Ids are opaque outside, ordered by time inside, and never mistaken for each other."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ids import BadIdError, new_id, parse_id, to_public


@given(st.uuids())
def test_a_public_id_leads_back_to_its_uuid(id_: object) -> None:
    assert parse_id("case", to_public("case", id_)) == id_  # type: ignore[arg-type]


def test_later_ids_sort_behind_earlier_ones_inside_and_outside() -> None:
    ids = [new_id() for _ in range(1000)]

    assert ids == sorted(ids)
    assert [to_public("msg", id_) for id_ in ids] == sorted(to_public("msg", id_) for id_ in ids)


def test_an_id_of_something_else_is_refused() -> None:
    with pytest.raises(BadIdError, match="case_"):
        parse_id("case", to_public("msg", new_id()))


@given(st.text())
def test_any_text_is_an_id_or_is_refused(text: str) -> None:
    with contextlib.suppress(BadIdError):
        assert to_public("case", parse_id("case", text)) == text
