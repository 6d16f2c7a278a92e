"""PostgreSQL servers for tests: the embedded one, and Debian's 15 over TCP."""

from __future__ import annotations

import atexit
import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
from sqlalchemy import make_url

from gateway import migrations
from gateway.config import Config
from gateway.db import database_url

DEBIAN_BIN = Path("/usr/lib/postgresql/15/bin")
TEMPLATE = "gateway_template"


def start_embedded(run: str) -> str:
    """Start the embedded server of this test run, or find it, and return its address.

    It does not live under pytest's own folder: another run that starts meanwhile would take the
    server's right to enter there away.
    """
    folder = Path(tempfile.gettempdir()) / f"madoguchi-tests-{run}"
    # What is registered first runs last: by then the last process of the run has stopped the server.
    atexit.register(_remove_if_stopped, folder)
    url = database_url(Config(home=folder))
    _hurry(url)
    return url


def _remove_if_stopped(folder: Path) -> None:
    if not (folder / "postgres" / "postmaster.pid").exists():
        shutil.rmtree(folder, ignore_errors=True)


def has_debian() -> bool:
    """Whether Debian's PostgreSQL 15 is installed."""
    return (DEBIAN_BIN / "pg_ctl").exists()


@contextlib.contextmanager
def debian_server() -> Iterator[str]:
    """Run Debian's PostgreSQL 15 on a TCP port while the block runs; not under pytest's folder either."""
    folder = Path(tempfile.mkdtemp(prefix="madoguchi-debian-"))
    data = folder / "data"
    # The server refuses to run as root; its package brings a user for it.
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if as_user:
        owner = pwd.getpwnam("postgres")
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    run = [*as_user, str(DEBIAN_BIN / "initdb"), "-D", str(data), "-U", "gateway", "--auth=trust", "--encoding=UTF8"]
    subprocess.run([*run, "--locale=C.UTF-8"], check=True, capture_output=True, cwd=folder)
    pg_ctl = [*as_user, str(DEBIAN_BIN / "pg_ctl"), "-D", str(data), "-w"]
    log = str(folder / "log")
    # The server keeps whatever output it inherits, so nothing of ours may be a pipe.
    subprocess.run([*pg_ctl, "-o", options, "-l", log, "start"], check=True, stdout=subprocess.DEVNULL, cwd=folder)
    try:
        yield f"postgresql://gateway@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run([*pg_ctl, "-m", "immediate", "stop"], check=True, capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)


def _hurry(url: str) -> None:
    """Tests lose nothing when the machine loses its power."""
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")


def named(url: str, database: str) -> str:
    """Return the address of another database on the same server."""
    return make_url(url).set(database=database).render_as_string(hide_password=False)


def ensure_template(url: str) -> None:
    """Make the migrated database that all others are copied from; several processes may ask at once."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(7230499)")
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [TEMPLATE]).fetchone()
        if found is None:
            connection.execute(f"CREATE DATABASE {TEMPLATE}_new")
            migrations.upgrade(named(url, f"{TEMPLATE}_new"))
            connection.execute(f"ALTER DATABASE {TEMPLATE}_new RENAME TO {TEMPLATE}")


def create_database(url: str, name: str) -> str:
    """Return the address of a fresh, migrated database."""
    ensure_template(url)
    with psycopg.connect(url, autocommit=True) as connection:
        # Two processes cannot copy the template at the same moment.
        connection.execute("SELECT pg_advisory_lock(7230499)")
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    return named(url, name)


def drop_database(url: str, name: str) -> None:
    """Remove a database, whoever is still connected."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def empty(url: str) -> None:
    """Remove all rows of all tables, but for the schema's own version."""
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT quote_ident(tablename) FROM pg_tables"
            " WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
        ).fetchall()
        connection.execute(f"TRUNCATE {', '.join(name for (name,) in tables)} RESTART IDENTITY CASCADE")
