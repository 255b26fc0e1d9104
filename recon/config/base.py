"""The base of every table of the settings: frozen, without unknown keys, with secrets in files if wanted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, model_validator

#: Largest file that is read as a secret or certificate, in bytes.
MAX_SECRET_FILE_BYTES: Final = 1 << 20


class Table(BaseModel):
    """A table of the settings: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SecretTable(Table):
    """A table in which each secret may be given itself or as the name of its file."""

    secret_keys: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def read_secret_files(cls, given: object) -> object:
        """Replace the names of files by the secrets in them."""
        if not isinstance(given, Mapping):
            return given
        values = dict(given)
        for key in cls.secret_keys:
            file = values.get(f"{key}_file")
            if file is None:
                continue
            if values.get(key) is not None:
                raise ValueError(f"{key} and {key}_file contradict each other; give one of them")
            values[key] = read_text(f"{key}_file", Path(str(file))).strip()
            if not values[key]:
                raise ValueError(f"{key}_file: {file} is empty")
        return values


def read_text(key: str, path: Path) -> str:
    """Return the text of a small file that a key names. Raise ValueError with key and path, never the content."""
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_SECRET_FILE_BYTES + 1)
        if len(content) > MAX_SECRET_FILE_BYTES:
            raise ValueError(f"{key}: {path} is larger than {MAX_SECRET_FILE_BYTES} bytes")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"{key}: {path} cannot be read: {error.strerror or 'unknown reason'}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{key}: {path} is not a text file") from None
