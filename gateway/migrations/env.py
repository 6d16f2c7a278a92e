"""How Alembic reaches the database: the address comes from the caller, the tables from the model."""

from alembic import context
from sqlalchemy import create_engine, text
from sqlmodel import SQLModel

import gateway.model  # noqa: F401 - registers the tables

# Any fixed number: it keeps two processes from migrating at the same time.
MIGRATION_LOCK = 7_230_441


def include_name(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out the job engine's tables, which come from its own schema file."""
    return not (kind == "table" and name is not None and name.startswith("procrastinate_"))


def run() -> None:
    """Migrate in one transaction, alone."""
    engine = create_engine(context.config.attributes["url"])
    with engine.connect() as connection, connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        context.configure(
            connection=connection, target_metadata=SQLModel.metadata, include_name=include_name, compare_type=True
        )
        context.run_migrations()
    engine.dispose()


run()
