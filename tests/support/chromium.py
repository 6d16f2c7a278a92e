"""A real browser without a screen."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
# It may run as root in a container, and speaks to nobody but the page that it is shown.
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str | None:
    """Return the path of an installed Chromium."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def showing(url: str, *, chromium: str, folder: Path) -> Iterator[Path]:
    """Show a page to nobody, in a fresh profile, while the block runs; yield the file of what the browser complains."""
    profile, log = folder / "profile", folder / "chromium.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [chromium, *FLAGS, f"--user-data-dir={profile}", url],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield log
    finally:
        # A browser is many processes; they are one group, since the session is their own.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(profile, ignore_errors=True)
