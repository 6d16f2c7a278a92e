"""The kinds of values that the JSON contract is made of: ids, times, words, texts."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, get_args
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from gateway.ids import BadIdError, Prefix, parse_id

EXAMPLE_SUFFIX = "01kahv7q8xe5vt9wz3m2c4r6ay"
# PostgreSQL stores no NUL, UTF-8 knows no lone surrogates.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})")


def complaint(code: str, *, ja: str, en: str, **context: Any) -> PydanticCustomError:
    """Return an error that says in both languages what is wrong with a value."""
    return PydanticCustomError(code, "{en}", {"ja": ja, "en": en, **context})


def id_pattern(prefix: Prefix) -> str:
    """Return the form of the public ids with this prefix."""
    return f"^{prefix}_[0-7][0-9a-hjkmnp-tv-z]{{25}}$"


def _reading(prefix: Prefix) -> Any:
    form = re.compile(id_pattern(prefix))

    def read(value: object) -> object:
        if isinstance(value, UUID):
            return value
        if isinstance(value, str) and form.fullmatch(value):
            try:
                return parse_id(prefix, value)
            except BadIdError:
                pass
        raise complaint(
            "id_form", ja=f"{prefix}_… の形のIDではありません。", en=f"This is no id of the form {prefix}_…."
        )

    return read


def _id_schema(prefix: Prefix) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": id_pattern(prefix), "examples": [f"{prefix}_{EXAMPLE_SUFFIX}"]})


CaseId = Annotated[UUID, BeforeValidator(_reading("case")), _id_schema("case")]
ChannelId = Annotated[UUID, BeforeValidator(_reading("chan")), _id_schema("chan")]
ReplyId = Annotated[UUID, BeforeValidator(_reading("rpl")), _id_schema("rpl")]
RecordId = Annotated[UUID, BeforeValidator(_reading("rec")), _id_schema("rec")]
AttachmentId = Annotated[UUID, BeforeValidator(_reading("att")), _id_schema("att")]
JobId = Annotated[UUID, BeforeValidator(_reading("job")), _id_schema("job")]

CaseRef = Annotated[str, _id_schema("case")]
MessageRef = Annotated[str, _id_schema("msg")]
NoteRef = Annotated[str, _id_schema("note")]
ReplyRef = Annotated[str, _id_schema("rpl")]
AttachmentRef = Annotated[str, _id_schema("att")]
ChannelRef = Annotated[str, _id_schema("chan")]
RecordRef = Annotated[str, _id_schema("rec")]
JobRef = Annotated[str, _id_schema("job")]
MarkRef = Annotated[str, _id_schema("mark")]
PREFIXES: tuple[Prefix, ...] = get_args(Prefix)


def _storable(value: str) -> str:
    if _UNSTORABLE.search(value):
        raise complaint(
            "unstorable_character",
            ja="使えない文字(NULまたは不完全な文字)があります。",
            en="This holds a character that cannot be stored (NUL or half a character).",
        )
    return value


PlainText = Annotated[str, AfterValidator(_storable), Field(json_schema_extra={"pattern": r"^[^\u0000]*$"})]


def _read_time(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str):
        # An unescaped "+" in a query arrives as a blank.
        text = re.sub(r" (\d{2}:\d{2})$", r"+\1", value)
        if _RFC3339.fullmatch(text):
            try:
                return datetime.fromisoformat(text.upper().replace("Z", "+00:00")).astimezone(UTC)
            except (ValueError, OverflowError):
                pass
    raise complaint(
        "time_form",
        ja="時刻は 2026-11-20T12:00:00+09:00 のように、日付・時刻・時差で指定してください。",
        en="A time has a date, a time and an offset, such as 2026-11-20T12:00:00+09:00.",
    )


Time = Annotated[
    datetime,
    BeforeValidator(_read_time),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": ["2026-11-20T12:00:00+09:00"]}),
]


def open_enum(enum: type[StrEnum], description: str) -> WithJsonSchema:
    """Describe a word in an answer; readers must accept words that they do not know."""
    values = [member.value for member in enum]
    return WithJsonSchema(
        {"type": "string", "description": description, "x-extensible-enum": values, "examples": values[:1]}
    )


class Input(BaseModel):
    """Base of what callers send: unknown members are refused, and so is what no database can hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _is_storable(cls, value: Any) -> Any:
        waiting: list[tuple[str, Any]] = [("", value)]
        while waiting:
            pointer, one = waiting.pop()
            if isinstance(one, dict):
                for name, member in one.items():
                    path = f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"
                    waiting += [(path, str(name)), (path, member)]
            elif isinstance(one, list):
                waiting += [(f"{pointer}/{index}", member) for index, member in enumerate(one)]
            elif (isinstance(one, str) and _UNSTORABLE.search(one)) or (
                isinstance(one, float) and not math.isfinite(one)
            ):
                raise complaint(
                    "unstorable_value",
                    ja="保存できない値(NUL・不完全な文字・無限大など)があります。",
                    en="This holds what cannot be stored: NUL, half a character, or no finite number.",
                    pointer=_UNSTORABLE.sub("\ufffd", pointer),
                )
        return value


def _without_defaults(schema: dict[str, Any]) -> None:
    for member in schema.get("properties", {}).values():
        member.pop("default", None)


class Patch(Input):
    """Base of a JSON Merge Patch: what is not mentioned stays, so that no member has a default."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)


class Output(BaseModel):
    """Base of what we answer: every member is always there, so none has a default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TextPublic(Output):
    """A text for people in both languages."""

    ja: Annotated[str, Field(description="Japanese.", examples=["返信できません。"])]
    en: Annotated[str, Field(description="English.", examples=["This channel cannot reply."])]
