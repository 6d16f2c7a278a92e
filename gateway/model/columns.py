"""Column types that the tables share."""

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, LargeBinary, Text
from sqlalchemy import Enum as EnumType
from sqlalchemy.dialects.postgresql import JSONB

UTC_TIME = DateTime(timezone=True)
LONG_TEXT = Text()
JSON = JSONB(none_as_null=True)
BYTES = LargeBinary()
BIG = BigInteger()


def one_of(enum: type[StrEnum]) -> Any:
    """Return a column type for `enum` that stores its values as text, so that new members need no migration."""
    return EnumType(
        enum, native_enum=False, create_constraint=False, length=40, values_callable=lambda e: [m.value for m in e]
    )
