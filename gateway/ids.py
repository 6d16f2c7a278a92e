"""Ids: time-ordered UUIDs inside, opaque strings with a prefix outside.

The public form is a TypeID (jetify-com/typeid, specification 0.3): the prefix tells what the id
names, the rest is the UUID in Crockford's base 32.
"""

from __future__ import annotations

from typing import Literal
from uuid import UUID

import uuid_utils
from typeid import TypeID
from typeid.errors import TypeIDException
from uuid_utils.compat import uuid7

Prefix = Literal["case", "msg", "note", "rpl", "att", "chan", "rec", "job", "file", "tok", "mark", "evt", "cust"]


class BadIdError(ValueError):
    """The text is no id, or an id of something else."""


def new_id() -> UUID:
    """Return a new id; later ids sort behind earlier ones."""
    return uuid7()


def to_public(prefix: Prefix, id_: UUID) -> str:
    """Return the public form of an id, such as `case_01jd3zq9b7…`."""
    return str(TypeID.from_uuid(uuid_utils.UUID(int=id_.int), prefix))


def parse_id(prefix: Prefix, text: str) -> UUID:
    """Read a public id.

    Raises:
        BadIdError: the text is not an id with this prefix.
    """
    try:
        parsed = TypeID.from_string(text)
    except TypeIDException as error:
        raise BadIdError(f"{text[:60]!r} is no id") from error
    if parsed.prefix != prefix:
        raise BadIdError(f"{text[:60]!r} is no id of the form {prefix}_…")
    return UUID(str(parsed.uuid))
