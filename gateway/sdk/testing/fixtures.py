"""Fixtures: recorded payloads beside the inquiries that they mean.

A connector's folder `fixtures/` holds `<scenario>.raw.<suffix>`, a payload as a mall sends it, and
`<scenario>.inquiry.json`, what `normalise` makes of it. The payload is recorded first and by hand; the
inquiry is written by `python -m gateway.sdk.testing.fixtures [KEY…]` and reviewed as text.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.sdk.connector import AnyConnector
from gateway.sdk.discovery import discover
from gateway.sdk.inquiry import Inquiry
from gateway.sdk.page import RawRecord
from gateway.sdk.testing.memory import memory_context
from gateway.sdk.testing.packages import connector_for, package_folder, simulator_for

CONTENT_TYPES = {
    ".json": "application/json",
    ".xml": "application/xml",
    ".html": "text/html",
    ".txt": "text/plain",
    ".eml": "message/rfc822",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FixturePair:
    """A payload and the file that says what it means."""

    scenario: str
    raw_path: Path
    inquiry_path: Path

    @property
    def record(self) -> RawRecord:
        """The payload as a record.

        Its `external_id` is the one that the inquiry has, or the scenario while there is none yet:
        some malls name a thread beside the payload only.
        """
        known = json.loads(self.inquiry_path.read_bytes())["external_id"] if self.inquiry_path.exists() else None
        return RawRecord(
            payload=self.raw_path.read_bytes(),
            external_id=known or self.scenario,
            content_type=CONTENT_TYPES.get(self.raw_path.suffix, "application/octet-stream"),
        )


def fixture_pairs(connector_type: type[AnyConnector]) -> list[FixturePair]:
    """Return every payload in the connector's `fixtures/` with its inquiry, which may not be written yet."""
    folder = package_folder(connector_type) / "fixtures"
    return [
        FixturePair(scenario=scenario, raw_path=path, inquiry_path=folder / f"{scenario}.inquiry.json")
        for path in sorted(folder.glob("*.raw.*"))
        for scenario in [path.name.partition(".raw.")[0]]
    ]


def inquiry_text(inquiry: Inquiry) -> str:
    """Return the text of an `.inquiry.json`: every member, in a fixed form, so that a change shows as a line."""
    return json.dumps(inquiry.model_dump(mode="json"), ensure_ascii=False, indent=2) + "\n"


def channel_settings(connector_type: type[AnyConnector]) -> dict[str, Any]:
    """Return settings of a channel at the connector's simulator, which is not asked anything."""
    return simulator_for(connector_type)().settings("http://simulator.invalid", address="contract")


def written_inquiry(connector_type: type[AnyConnector], record: RawRecord) -> str:
    """Return the text of what `record` means to the connector."""
    settings = connector_type.settings_type.model_validate(channel_settings(connector_type))
    connector = connector_type(settings, memory_context(lambda: datetime(2000, 1, 1, tzinfo=UTC)))
    return inquiry_text(connector.normalise(record))


def write(connector_type: type[AnyConnector], *, only_check: bool) -> list[Path]:
    """Write the inquiries that differ from what `normalise` says, or only return their paths."""
    changed = []
    for pair in fixture_pairs(connector_type):
        text = written_inquiry(connector_type, pair.record)
        if not pair.inquiry_path.exists() or pair.inquiry_path.read_text(encoding="utf-8") != text:
            changed.append(pair.inquiry_path)
            if not only_check:
                pair.inquiry_path.write_text(text, encoding="utf-8")
    return changed


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare the fixtures of the named connectors, or of all."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway.sdk.testing.fixtures", description="Write each payload's normalised pair."
    )
    parser.add_argument("keys", nargs="*", metavar="KEY", help="a connector; all of them when none is named")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file would change")
    options = parser.parse_args(arguments)
    connector_types = map(connector_for, options.keys) if options.keys else discover().connectors.values()
    changed = [path for one in connector_types for path in write(one, only_check=options.check)]
    for path in changed:
        print(f"{'differs' if options.check else 'written'}: {path}")
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
