"""How the mall says no: four shapes, in XML or JSON, whatever the content type claims.

1  XML   <Error><Message>…</Message><Code>px-04306</Code></Error>       the platform
2  JSON  {"Error": {"Message": "…"}}, or shape 1 without a code         the common Web API layer
3  JSON  {"error": {"reason": "…"}}                                     the inquiry API itself
4  JSON  {"error": "invalid_grant", "error_description": …, "error_code": …}    the token endpoint
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an error answer says: the mall's code where it gives one, and its words."""

    code: str = ""
    message: str = ""


def parse_refusal(body: bytes) -> Refusal:
    """Read an error body of any of the four shapes; what is neither becomes an empty refusal."""
    return _parse_xml(body) or _parse_json(body) or Refusal()


def _parse_xml(body: bytes) -> Refusal | None:
    try:
        root = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        # LookupError: the XML declaration names an encoding that does not exist.
        return None
    if _name(root.tag) != "error":
        return None
    members = {_name(child.tag): (child.text or "").strip() for child in root}
    return Refusal(members.get("code", ""), members.get("message", ""))


def _name(tag: object) -> str:
    return str(tag).rpartition("}")[2].lower()


def _parse_json(body: bytes) -> Refusal | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(answer, dict):
        return None
    error = answer.get("error", answer.get("Error"))
    if isinstance(error, str):
        return Refusal(error, str(answer.get("error_description") or ""))
    if not isinstance(error, dict):
        return None
    members = {str(key).lower(): str(value) for key, value in error.items() if isinstance(value, str | int)}
    return Refusal(members.get("code", ""), members.get("reason") or members.get("message", ""))
