"""The passwords of the embedded server's roles, in files that only recon's own account reads.

Each file holds one role's password as libpq reads it (`passfile`). So a URL names the file, and no URL, command line or
environment holds a password. The server is given SCRAM verifiers only, from which no password follows.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from recon.errors import EmbeddedPostgresError
from recon.private_files import PRIVATE_DIRECTORY, open_to_others, write_private

#: The directory below the data directory; one file for each role that logs in.
DIRECTORY: Final = "passwords"
#: Random bytes of a password: nobody guesses it, so few rounds are enough.
PASSWORD_BYTES: Final = 32
SALT_BYTES: Final = 16
#: Rounds of a new verifier (the default of Postgres), and the most that are computed for a stored one.
ROUNDS: Final = 4096
MAX_ROUNDS: Final = 100_000

#: Any host, port and database: the file belongs to one server already.
_ANYWHERE: Final = "*:*:*"
_SCHEME: Final = "SCRAM-SHA-256"


def password_file(data_dir: Path, role: str) -> Path:
    """Return the file of a role's password."""
    return data_dir / DIRECTORY / role


def new_password() -> str:
    """Return a password without characters that libpq's file would need to escape."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


def store_password(data_dir: Path, role: str, password: str) -> None:
    """Keep a password for the next connection. Raise EmbeddedPostgresError if the directory is open to others."""
    file = password_file(data_dir, role)
    file.parent.mkdir(mode=PRIVATE_DIRECTORY, exist_ok=True)
    _check_private(file.parent)
    write_private(file, f"{_ANYWHERE}:{role}:{password}\n".encode())


def stored_password(data_dir: Path, role: str) -> str | None:
    """Return a role's password, None if no file holds it. Raise EmbeddedPostgresError if others may read the file."""
    file = password_file(data_dir, role)
    try:
        _check_private(file.parent)
        _check_private(file)
        prefix, _, password = file.read_text(encoding="utf-8").strip().rpartition(":")
    except FileNotFoundError:
        return None
    return password if prefix == f"{_ANYWHERE}:{role}" and password else None


def _check_private(path: Path) -> None:
    if path.stat().st_uid != os.geteuid() or open_to_others(path):
        raise EmbeddedPostgresError(
            f"{path} holds passwords and is open to other accounts; chown it to recon's own account and take the "
            "rights of all others away (chmod go=), or remove it: recon then makes new passwords"
        )


def verifier(password: str, *, salt: bytes | None = None, rounds: int = ROUNDS) -> str:
    """Return what Postgres stores of a password (RFC 5803); the password does not follow from it."""
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    salt_text, stored_text, server_text = (base64.b64encode(part).decode() for part in (salt, stored, server))
    return f"{_SCHEME}${rounds}:{salt_text}${stored_text}:{server_text}"


def fits(password: str | None, stored: str | None) -> bool:
    """True if a verifier, as a server stores it, is one of this password."""
    if password is None or stored is None:
        return False
    try:
        scheme, parameters, _ = stored.split("$")
        rounds, salt = parameters.split(":")
        if scheme != _SCHEME or not 0 < int(rounds) <= MAX_ROUNDS:
            return False
        expected = verifier(password, salt=base64.b64decode(salt, validate=True), rounds=int(rounds))
    except ValueError:
        return False
    return hmac.compare_digest(expected, stored)
