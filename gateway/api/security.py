"""Who is calling: bearer tokens, their scopes and limits."""

from __future__ import annotations

import re
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPBearer, SecurityScopes

from gateway.api.errors import ApiError
from gateway.casework import tokens
from gateway.casework.caller import Caller
from gateway.model import Scope
from gateway.runtime import Runtime
from gateway.sdk import Text

# RFC 6750, section 2.1.
_CREDENTIALS = re.compile(r"[Bb]earer +([A-Za-z0-9._~+/-]+=*)")
_REALM = 'Bearer realm="gateway"'

_scheme = HTTPBearer(
    scheme_name="token",
    bearerFormat="mdg_…",
    description="A token of this gateway, made by `gateway tokens create`. It has scopes, and may be limited to brands "
    "and channels: what lies outside is not found, and missing from lists.",
    auto_error=False,
)


async def authenticate(request: Request) -> Caller:
    """Return who calls.

    Raises:
        ApiError: 401, there is no token or it opens nothing.
    """
    header = request.headers.get("authorization")
    if header is None:
        text = Text(
            ja="Authorization: Bearer … でトークンを指定してください。", en="Send a token as Authorization: Bearer …."
        )
        raise ApiError(401, "token_missing", text, headers={"WWW-Authenticate": _REALM})
    runtime: Runtime = request.app.state.runtime
    found = _CREDENTIALS.fullmatch(header.strip())
    caller = None
    if found:
        async with runtime.database.session() as db:
            caller = await tokens.verify(db, found[1], runtime.clock())
            await db.commit()
    if caller is None:
        text = Text(
            ja="トークンが正しくないか、期限切れか、取り消されています。", en="The token is wrong, expired or revoked."
        )
        raise ApiError(401, "token_invalid", text, headers={"WWW-Authenticate": f'{_REALM}, error="invalid_token"'})
    return caller


def _caller(request: Request, scopes: SecurityScopes, _: Annotated[Any, Depends(_scheme)]) -> Caller:
    caller: Caller = request.state.caller
    for scope in scopes.scopes:
        caller.require(Scope(scope))
    return caller


def needs(scope: Scope) -> Any:
    """Return the dependency of an endpoint whose caller must have `scope`."""
    return Security(_caller, scopes=[scope.value])


CasesReader = Annotated[Caller, needs(Scope.CASES_READ)]
CasesWriter = Annotated[Caller, needs(Scope.CASES_WRITE)]
RepliesWriter = Annotated[Caller, needs(Scope.REPLIES_WRITE)]
ChannelsReader = Annotated[Caller, needs(Scope.CHANNELS_READ)]
ChannelsWriter = Annotated[Caller, needs(Scope.CHANNELS_WRITE)]
RecordsReader = Annotated[Caller, needs(Scope.RECORDS_READ)]
RecordsWriter = Annotated[Caller, needs(Scope.RECORDS_WRITE)]
