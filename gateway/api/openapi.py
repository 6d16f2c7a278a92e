"""openapi.json: what FastAPI finds in the code, and what follows from the rules that hold for every call."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from gateway.api.errors import MEDIA_TYPE
from gateway.api.routers import ROUTERS
from gateway.api.schemas import ProblemPublic

TITLE = "Madoguchi"
DESCRIPTION = """The open gateway between a shop's support team and every mall the shop sells in.

Every inquiry of every mall becomes a case; answers go back through the same interface. Errors have one shape
(RFC 9457), lists have cursors, changes name the revision that was read, and a call that can reach a customer carries an
Idempotency-Key. Texts are Japanese or English by Accept-Language. Words in answers that this document lists under
`x-extensible-enum` may grow: accept those that you do not know."""

CONTACT = {"name": "Madoguchi", "url": "https://madoguchi.example", "email": "team@madoguchi.example"}
TAGS = {
    "attachments": "Files of messages and replies.",
    "cases": "The unit of work: one thread of one channel.",
    "channels": "One shop's account on one mall: settings, state, freshness.",
    "connectors": "Which malls and storefronts this gateway knows, and what they can do.",
    "events": "The change feed: gap-free, in the order of commits.",
    "health": "Whether the gateway lives and can work.",
    "jobs": "Long work that was started.",
    "marks": "Flags of threads that are written to the malls.",
    "messages": "What was said.",
    "notes": "What the team says to itself.",
    "records": "Raw payloads as received, and the quarantine.",
    "replies": "Answers on their way out.",
}

_PROBLEMS = {
    "400": "The request cannot be understood.",
    "401": "There is no token, or it opens nothing.",
    "403": "The token lacks a scope, or its limits forbid this.",
    "404": "There is no such thing, or the token may not see it.",
    "409": "It does not fit the present state.",
    "412": "It has changed since it was read.",
    "413": "The body is too large.",
    "415": "The body has another media type.",
    "422": "It is understood and breaks rules; `errors` says which.",
    "428": "If-Match is missing.",
    "500": "Something unforeseen happened.",
    "503": "The database is away; try again.",
}
_HEADERS = {
    "ETag": "Names this state; If-None-Match asks whether it still holds, If-Match insists on it.",
    "Link": "The pages of the list (RFC 8288).",
    "Location": "Where the new thing is.",
    "X-Request-Id": "Yours if you sent one, else ours.",
    "Idempotency-Replayed": "`true` if this is the answer of an earlier request with the same key.",
}
_METHODS = ("get", "post", "patch", "put", "delete")


@cache
def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document; it follows from the code alone, whatever the settings."""
    app = FastAPI()
    for router in ROUTERS:
        app.include_router(router)
    document = get_openapi(
        title=TITLE,
        version=version("madoguchi"),
        openapi_version="3.1.0",
        description=DESCRIPTION,
        routes=app.routes,
        tags=[{"name": name, "description": text} for name, text in TAGS.items()],
        servers=[{"url": "http://127.0.0.1:8400", "description": "A gateway on this machine."}],
        license_info={"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
    )
    # Given to FastAPI, an address would ask for a package that checks addresses.
    document["info"]["contact"] = CONTACT
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    document["components"]["schemas"].update(_problem_schemas())
    document["components"]["schemas"]["Body_upload_attachment"]["additionalProperties"] = False
    for path, method, operation in _operations(document):
        _complete(path, method, operation)
    return document


def _problem_schemas() -> dict[str, Any]:
    _, definitions = models_json_schema([(ProblemPublic, "serialization")], ref_template="#/components/schemas/{model}")
    found: dict[str, Any] = definitions["$defs"]
    return found


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _complete(path: str, method: str, operation: dict[str, Any]) -> None:
    """Add what follows from the rules: the problems that can happen, the headers, a name for each parameter."""
    responses = operation["responses"]
    responses.pop("422", None)
    # An endpoint's own tag stands behind that of its router.
    operation["tags"] = operation["tags"][-1:]
    _tell_scopes(operation)
    if path.startswith("/v1/"):
        _add_parameters(method, operation)
        for status in _problems_of(path, method, operation):
            responses[status] = {
                "description": _PROBLEMS[status],
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemPublic"}}},
            }
        if method == "get" and "application/json" in responses["200"].get("content", {}):
            responses["304"] = {"description": "It is as you have it."}
    for status, response in responses.items():
        _add_headers(path, method, status, response)
    operation["responses"] = dict(sorted(responses.items()))


def _tell_scopes(operation: dict[str, Any]) -> None:
    """Say in words which scopes a token needs: OpenAPI has a place for them in OAuth alone."""
    for requirement in operation.get("security", []):
        for name, scopes in requirement.items():
            operation["description"] += f"\n\nNeeds the scope `{'`, `'.join(scopes)}`."
            operation["x-required-scopes"] = list(scopes)
            requirement[name] = []


def _problems_of(path: str, method: str, operation: dict[str, Any]) -> list[str]:
    found = {"401", "403", "422", "500", "503"}
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    if "{" in path:
        found.add("404")
    if "requestBody" in operation:
        found |= {"400", "413", "415"}
    if names & {"cursor", "idempotency-key", "Idempotency-Key"}:
        found.add("400")
    if "if-match" in {name.lower() for name in names}:
        found |= {"400", "412", "428"}
    if (method == "post" and path != "/v1/attachments") or path.endswith("/content"):
        found.add("409")
    if method == "post" and path == "/v1/channels":
        # A connector that does not exist is not found, though the path has no id.
        found.add("404")
    return sorted(found)


def _add_parameters(method: str, operation: dict[str, Any]) -> None:
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        if parameter["in"] == "header":
            parameter["name"] = "-".join(word.capitalize() for word in parameter["name"].split("-"))
            parameter["required"] = True
            parameter["schema"] = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
            if parameter["name"] == "If-Match":
                parameter["schema"]["pattern"] = '^"[!#-~]*"$'
        if parameter["in"] == "query":
            _drop_null(parameter["schema"])
        if parameter["in"] == "path" and "description" not in parameter:
            parameter["description"] = f"The public id ({parameter['name']})."
    if method == "get":
        parameters.append(
            {
                "name": "If-None-Match",
                "in": "header",
                "required": False,
                "description": "An ETag that you have; the answer is 304 if it still holds.",
                "schema": {"type": "string"},
            }
        )
    parameters.append(
        {
            "name": "Accept-Language",
            "in": "header",
            "required": False,
            "description": "ja or en; the gateway's own language otherwise.",
            "schema": {"type": "string", "examples": ["ja"]},
        }
    )


def _drop_null(schema: dict[str, Any]) -> None:
    """Say that a query parameter is there or not: no query can hold a null."""
    kinds = [one for one in schema.pop("anyOf", []) if one != {"type": "null"}]
    for kind in kinds:
        schema.update({name: value for name, value in kind.items() if name not in schema})


def _add_headers(path: str, method: str, status: str, response: dict[str, Any]) -> None:
    names = ["X-Request-Id"]
    is_json = "application/json" in response.get("content", {})
    if path.startswith("/v1/") and ((status == "200" and is_json) or status == "304"):
        names.append("ETag")
    if status == "200" and method == "get" and is_json and "Links" in str(response["content"]):
        names.append("Link")
    if status in {"201", "202"}:
        names.append("Location")
    response["headers"] = {
        name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in sorted(names)
    }
