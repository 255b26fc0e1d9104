"""The recon of before the newest revision of the schema, taken from the history of the checkout."""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from recon.db.version import known_versions

ROOT = Path(__file__).parents[2]


def _git(*arguments: str) -> bytes | None:
    try:
        done = subprocess.run(  # noqa: S603 - reads our own history
            ["git", *arguments],  # noqa: S607
            cwd=ROOT,
            capture_output=True,
            check=False,
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def former_commit() -> str | None:
    """Return the last commit before the newest revision came; None without such a history."""
    newest = known_versions()[-1]
    added = _git("log", "--diff-filter=A", "--format=%H", "--", f"migrations/versions/{newest}_*.py")
    if added is None:
        return None
    commits = added.decode().split()
    # The last one counts: a number may have been taken before. A revision not committed yet came after all commits.
    found = _git("rev-parse", "--verify", f"{commits[0]}^" if commits else "HEAD")
    return None if found is None else found.decode().strip()


def unpack(commit: str, target: Path) -> Path:
    """Write the code of a commit to a new directory, and return it."""
    packed = _git("archive", commit, "recon", "migrations")
    assert packed is not None
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(target, filter="data")
    return target
