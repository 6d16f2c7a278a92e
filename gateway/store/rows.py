"""Many rows at once, past the object layer: it would send rows with different gaps one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, bindparam, insert, update
from sqlmodel import SQLModel
from sqlmodel.ext.asyncio.session import AsyncSession


async def insert_rows(db: AsyncSession, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows that have the same columns each; what the session still holds back is not written before."""
    if rows:
        connection = await db.connection()
        await connection.execute(insert(_table(model)), rows)


async def update_rows(db: AsyncSession, model: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Update rows by their `id`; each names the same columns."""
    if not rows:
        return
    table = _table(model)
    values = {name: bindparam(f"new_{name}") for name in rows[0] if name != "id"}
    statement = update(table).where(table.c.id == bindparam("of_id")).values(values)
    renamed = [{("of_id" if name == "id" else f"new_{name}"): value for name, value in row.items()} for row in rows]
    connection = await db.connection()
    await connection.execute(statement, renamed)


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table
