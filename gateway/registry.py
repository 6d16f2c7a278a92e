"""Which connectors exist, and one of them bound to a channel."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import SecretStr, ValidationError

from gateway.model.errors import InvalidError, NotFoundError, Problem
from gateway.sdk import AnyConnector, ChannelContext, ChannelSettings, Text
from gateway.sdk.discovery import Discovery, DiscoveryProblem, DuplicateConnectorError, discover

__all__ = [
    "Discovery",
    "DiscoveryProblem",
    "DuplicateConnectorError",
    "connect",
    "discover",
    "get_connector",
    "parse_settings",
    "split_settings",
]

# What people are told most; anything else is said in the words of the validation itself.
_JAPANESE = {
    "missing": "この項目は必須です。",
    "extra_forbidden": "この項目はありません。",
    "int_parsing": "整数で指定してください。",
    "int_type": "整数で指定してください。",
    "string_type": "文字列で指定してください。",
    "bool_parsing": "true または false で指定してください。",
    "string_too_short": "文字数が足りません。",
    "string_too_long": "文字数が多すぎます。",
}


def get_connector(key: str) -> type[AnyConnector]:
    """Return the connector class with this key.

    Raises:
        NotFoundError: there is none. InvalidError: it is there and cannot be loaded; the text says why.
    """
    found = _found()
    if key in found.connectors:
        return found.connectors[key]
    for problem in found.problems:
        if problem.key == key:
            raise InvalidError(
                "connector_not_loadable",
                Text(
                    ja=f"コネクタ {key}({problem.place})を読み込めません: {problem.reason}",
                    en=f"The connector {key} ({problem.place}) cannot be loaded: {problem.reason}",
                ),
            )
    raise NotFoundError("connector", key)


def connect(connector_type: type[AnyConnector], settings: Mapping[str, Any], context: ChannelContext) -> AnyConnector:
    """Return a connector bound to one channel.

    Raises:
        InvalidError: the settings break rules; each problem points at the member.
    """
    return connector_type(parse_settings(connector_type, settings), context)


def parse_settings(connector_type: type[AnyConnector], settings: Mapping[str, Any]) -> ChannelSettings:
    """Return the settings in the connector's own type.

    Raises:
        InvalidError: they break rules; each problem points at the member and repeats no value.
    """
    try:
        return connector_type.settings_type.model_validate(dict(settings))
    except ValidationError as error:
        problems = [
            Problem(
                code=details["type"],
                pointer="".join(f"/{_escaped(part)}" for part in details["loc"]),
                message=Text(
                    ja=_JAPANESE.get(details["type"], f"値が正しくありません({details['msg']})。"),
                    en=f"{details['msg']}.",
                ),
            )
            for details in error.errors(include_input=False, include_url=False, include_context=False)
        ]
    # Outside the handler, since the validation's own error repeats what was typed, credentials included.
    where = ", ".join(problem.pointer or "/" for problem in problems)
    raise InvalidError(
        "invalid_settings",
        Text(
            ja=f"{connector_type.name.ja}の設定が正しくありません: {where}",
            en=f"The settings for {connector_type.name.en} are not valid: {where}",
        ),
        problems,
    )


def split_settings(
    connector_type: type[AnyConnector], settings: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return `settings` as (options, credentials): what may be shown, and what is encrypted and write-only."""
    fields = connector_type.settings_type.model_fields
    secret = {name for name, field in fields.items() if _holds_secret(field.annotation)}
    options = {name: value for name, value in settings.items() if name not in secret}
    return options, {name: value for name, value in settings.items() if name in secret}


@cache
def _found() -> Discovery:
    return discover()


def _holds_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(map(_holds_secret, typing.get_args(annotation)))


def _escaped(part: str | int) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")
