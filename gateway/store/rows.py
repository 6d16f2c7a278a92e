"""Many rows at once, by COPY: the object layer would send rows with different gaps one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, cast

import psycopg
from psycopg import sql
from sqlalchemy import Column, Dialect, Table
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession


async def insert_rows(db: AsyncSession, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows in the caller's transaction; each has the columns of the first, and others keep their defaults.

    What the session itself still holds back is not written before.
    """
    if not rows:
        return
    table: Table = model.__table__  # type: ignore[attr-defined]
    connection = await db.connection()
    raw = await connection.get_raw_connection()
    driver = cast("psycopg.AsyncConnection[Any]", raw.driver_connection)
    columns = [(name, _to_wire(connection.dialect, table.c[name])) for name in rows[0]]
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.name), sql.SQL(", ").join(sql.Identifier(name) for name, _ in columns)
    )
    async with driver.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            await copy.write_row([to_wire(row[name]) if to_wire else row[name] for name, to_wire in columns])


@cache
def _to_wire(dialect: Dialect, column: Column[Any]) -> Any:
    """Return what turns a value of this column into one that the driver takes; None if nothing has to be done."""
    return column.type.dialect_impl(dialect).bind_processor(dialect)
