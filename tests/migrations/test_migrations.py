"""The migrations make exactly the tables of the model, on every server, also when two processes try at once."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator

import psycopg
import pytest
from alembic import command

from gateway import migrations
from tests.support import postgres


@pytest.fixture
def bare_url(server_url: str) -> Iterator[str]:
    """The address of a database in which there is nothing yet."""
    name = f"bare_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield postgres.named(server_url, name)
    postgres.drop_database(server_url, name)


def test_the_migrations_and_the_model_agree(bare_url: str) -> None:
    migrations.upgrade(bare_url)

    # Raises if a column, an index or a constraint of the model is missing in the database, or the reverse.
    command.check(migrations._config(bare_url))
    assert migrations.is_current(bare_url)


def test_a_database_without_tables_is_not_current(bare_url: str) -> None:
    assert not migrations.is_current(bare_url)


def test_the_whole_schema_can_be_taken_back_and_made_again(bare_url: str) -> None:
    migrations.upgrade(bare_url)

    command.downgrade(migrations._config(bare_url), "base")
    with psycopg.connect(bare_url) as connection:
        left = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    migrations.upgrade(bare_url)

    assert left == [("alembic_version",)]
    assert migrations.is_current(bare_url)


def test_two_processes_that_migrate_at_once_do_not_meet(bare_url: str) -> None:
    program = "import sys; from gateway import migrations; migrations.upgrade(sys.argv[1])"

    processes = [subprocess.Popen([sys.executable, "-c", program, bare_url]) for _ in range(3)]

    assert [process.wait(60) for process in processes] == [0, 0, 0]
    assert migrations.is_current(bare_url)
