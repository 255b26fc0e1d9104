"""What every table of the settings is: frozen, without unknown keys, its secrets perhaps in files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, model_validator

#: Largest file that is read as a secret or certificate, in bytes.
MAX_SECRET_FILE_BYTES: Final = 1 << 20


class Table(BaseModel):
    """A table of the file: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SecretTable(Table):
    """A table in which each secret may be given itself or as the name of a file that holds it."""

    secret_keys: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def read_secret_files(cls, given: object) -> object:
        """Put what the files hold in the secrets' places."""
        if not isinstance(given, Mapping):
            return given
        found = dict(given)
        for key in cls.secret_keys:
            file = found.get(f"{key}_file")
            if file is None:
                continue
            if found.get(key) is not None:
                raise ValueError(f"{key} and {key}_file contradict each other; give one of them")
            found[key] = read_text(f"{key}_file", Path(str(file))).strip()
            if not found[key]:
                raise ValueError(f"{key}_file: {file} is empty")
        return found


def read_text(key: str, path: Path) -> str:
    """Read a small file that a key names. Errors: ValueError with the key and the path, never the content."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_SECRET_FILE_BYTES + 1)
        if len(content) > MAX_SECRET_FILE_BYTES:
            raise ValueError(f"{key}: {path} is larger than {MAX_SECRET_FILE_BYTES} bytes")
        return content.decode()
    except OSError as error:
        raise ValueError(f"{key}: {path} cannot be read: {error.strerror or 'unknown reason'}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{key}: {path} is not a text file") from None
