"""schemathesis against the running app, over a real socket and a real database, finds nothing."""

from __future__ import annotations

import asyncio
import copy
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from connectors.example.simulator import ExampleSimulator
from gateway.api.openapi import openapi_document
from gateway.app import create_app
from gateway.casework import jobs, notes, replies, tokens
from gateway.casework.caller import Caller
from gateway.ids import Prefix, to_public
from gateway.model import RecordState, Scope
from gateway.runtime import Runtime
from gateway.sdk.testing import SimulatedClock, serving
from gateway.store import records
from tests.support.engine import Bench
from tests.support.malls import Malls

IS_NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
SETTINGS = Path(__file__).parent / "schemathesis.toml"


@pytest.mark.slow
@pytest.mark.timeout(7200 if IS_NIGHTLY else 300)
async def test_schemathesis_finds_nothing(
    runtime: Runtime, clock: SimulatedClock, malls: Malls, tmp_path: Path
) -> None:
    bench = await Bench.open(runtime, clock, ExampleSimulator(clock), malls)
    known = await populate(bench)
    async with runtime.database.session() as db:
        _, secret = await tokens.create(db, name="fuzzer", scopes=list(Scope), now=clock.now())
        await db.commit()
    document = tmp_path / "openapi.json"
    document.write_text(json.dumps(with_known_ids(openapi_document(), known)), encoding="utf-8")

    async with serving(create_app(runtime)) as url:
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", SETTINGS, "run", document, "--url", url),
            *("--header", f"Authorization: Bearer {secret}", "--max-examples", "300" if IS_NIGHTLY else "20"),
            *("--workers", "1", "--no-color"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await program.communicate()

    assert program.returncode == 0, output.decode()


async def populate(bench: Bench) -> dict[Prefix, list[str]]:
    """Fill the gateway with one of everything, and return the public ids."""
    runtime, clock = bench.runtime, bench.clock
    thread = bench.simulator.customer_writes("届いたお皿が割れていました。", order="EM-1001")
    bench.simulator.customer_writes("この帽子のMサイズは入荷しますか？")
    bench.simulator.add_unreadable()
    await bench.pull()
    case = await bench.case(thread)
    operator = Caller.operator("operator")
    async with runtime.database.session() as db:
        await notes.add(db, operator, case.id, "倉庫に確認中", clock.now())
        draft = replies.Draft(text="新しいお皿をお送りします。", base_revision=case.revision)
        reply = await replies.submit(db, runtime, operator, case.id, draft, clock.now())
        job = await jobs.pull_now(db, operator, bench.channel_id, clock.now())
        await db.commit()
    async with runtime.database.session() as db:
        stored = await records.list_records(db, states=list(RecordState), limit=10)
    return {
        "case": [to_public("case", one.id) for one in await bench.cases()],
        "chan": [to_public("chan", bench.channel_id)],
        "rpl": [to_public("rpl", reply.id)],
        "rec": [to_public("rec", record.id) for record in stored],
        "job": [to_public("job", job.id)],
    }


def with_known_ids(document: dict[str, Any], known: dict[Prefix, list[str]]) -> dict[str, Any]:
    """Return the document with the ids of what exists, so that requests come further than to 404."""
    document = copy.deepcopy(document)
    for path in document["paths"].values():
        for operation in path.values():
            # Nobody can guess a cursor: it is signed. Cursors are tested in tests/api.
            operation["parameters"] = [p for p in operation.get("parameters", []) if p["name"] != "cursor"]
            for parameter in operation["parameters"]:
                schema = parameter["schema"]
                prefix = schema.get("pattern", "").removeprefix("^").partition("_")[0]
                if prefix in known:
                    parameter["schema"] = {"type": "string", "enum": known[prefix]}
    return document
