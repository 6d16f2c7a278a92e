"""The yardstick of ingest: the same rows, put into the same tables by the bare driver, in the same commits."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

# What a pull writes, in the order in which its tables point at each other: (table, its rows, when they were written).
# Rows of one time stem from one commit. Numbers that the database gives out are left to it.
# A record names its case only after a second write; here, to be strict, it never does.
_RECORDS = (
    (
        "record",
        "SELECT received_at, id, channel_id, external_id, version, content_type, payload, state, received_at,"
        " applied_at FROM record WHERE channel_id = %s ORDER BY id",
    ),
)
_CASES = (
    ("case", 'SELECT updated_at, * FROM "case" WHERE channel_id = %s ORDER BY id'),
    ("message", "SELECT received_at, * FROM message WHERE channel_id = %s ORDER BY id"),
    ("attachment", "SELECT created_at, * FROM attachment WHERE channel_id = %s ORDER BY id"),
    (
        "reference",
        'SELECT "case".updated_at, reference.* FROM reference JOIN "case" ON "case".id = case_id '
        "WHERE channel_id = %s ORDER BY reference.id",
    ),
    (
        "event",
        "SELECT happened_at, type, channel_id, case_id, subject_id, actor, detail, happened_at"
        " FROM event WHERE channel_id = %s ORDER BY id",
    ),
)


@dataclass(slots=True)
class Commit:
    """The rows that one commit of the engine wrote, by table."""

    tables: dict[str, tuple[list[str], list[list[Any]]]] = field(default_factory=dict)


def load_commits(url: str, channel_id: UUID) -> list[Commit]:
    """Return what a pull has written for a channel, commit by commit."""
    with psycopg.connect(url) as connection:
        return [*_group(connection, channel_id, _RECORDS), *_group(connection, channel_id, _CASES)]


def _group(connection: psycopg.Connection, channel_id: UUID, tables: Sequence[tuple[str, str]]) -> list[Commit]:
    commits: defaultdict[Any, Commit] = defaultdict(Commit)
    for table, query in tables:
        cursor = connection.execute(query.encode(), [channel_id])
        columns = [column.name for column in cursor.description or ()][1:]
        for written_at, *row in cursor:
            values = [Jsonb(value) if isinstance(value, dict) else value for value in row]
            commits[written_at].tables.setdefault(table, (columns, []))[1].append(values)
    return [commits[written_at] for written_at in sorted(commits)]


def copy_channel(source: str, target: str, channel_id: UUID) -> None:
    """Put the channel's own row into the other database: everything points at it."""
    with psycopg.connect(source) as connection:
        cursor = connection.execute("SELECT * FROM channel WHERE id = %s", [channel_id])
        columns = [column.name for column in cursor.description or ()]
        rows = [[Jsonb(value) if isinstance(value, dict) else value for value in row] for row in cursor]
    with psycopg.connect(target) as connection:
        _insert(connection, "channel", columns, rows)


def insert_all(url: str, commits: Sequence[Commit]) -> float:
    """Insert the rows, one transaction for each commit; return the seconds that it took."""
    with psycopg.connect(url, autocommit=True) as connection:
        started = time.perf_counter()
        for commit in commits:
            with connection.transaction():
                for table, (columns, rows) in commit.tables.items():
                    _insert(connection, table, columns, rows)
        return time.perf_counter() - started


def _insert(connection: psycopg.Connection, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    statement = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(", ").join(sql.Placeholder() * len(columns)),
    )
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)
