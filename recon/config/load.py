"""Reading the settings: a TOML file, and over it the RECON_ variables; problems are named, never a value."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource, SettingsError

from recon.config.tables import Settings
from recon.errors import ConfigError

PREFIX: Final = "RECON_"
#: Names below these are data, so one variable with JSON stands for the whole.
DATA_SECTIONS: Final = ("gateways", "accounts", "webhooks", "imports")
#: Largest settings file, in bytes.
MAX_FILE_BYTES: Final = 4 << 20


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Read the settings from a file, where one is named, and from the environment, which goes before it.

    Tables merge; a list or value of the environment replaces the file's. A relative path in the settings is
    meant from the file's directory (from the working directory without a file). Decimals are read exactly.

    Errors: ConfigError with a line for each problem: unknown keys and variables by name, missing files,
    contradictory auth, TOML or JSON that cannot be read. No value is ever repeated: it might be a secret.
    """
    document = {} if path is None else read_file(path)
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    problems = [problem for name in sorted(ours) if (problem := _unknown_variable(name)) is not None]
    known = {name: value for name, value in ours.items() if _unknown_variable(name) is None}
    overrides = _read_environment(known)
    merged = _merge(document, overrides)
    _make_paths_absolute(merged, Path.cwd() if path is None else path.absolute().parent)
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        problems += [describe_problem(detail, overrides, path) for detail in details]
    else:
        if not problems:
            return settings
    # From None: pydantic's own error may show what was given.
    raise ConfigError("\n".join(problems)) from None


def read_file(path: Path) -> dict[str, object]:
    """Read a TOML file with exact numbers. Errors: ConfigError with the path, and where it is not TOML."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_FILE_BYTES} bytes; this is no settings file")
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: the settings file cannot be read: {error.strerror or 'unknown reason'}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: the settings file is not UTF-8 text") from error
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ArithmeticError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None


class _Environment(EnvSettingsSource):
    """pydantic-settings' reading of nested variables, from an environment handed in, with exact numbers."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._given = environ
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._given.items()}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: object) -> object:  # noqa: ARG002
        """Read JSON without floats."""
        return json.loads(str(value), parse_float=Decimal)


def _read_environment(environ: Mapping[str, str]) -> dict[str, object]:
    for name, value in environ.items():
        if "__" not in name:
            _check_json(name, value)
    try:
        return dict(_Environment(environ)())
    except SettingsError as error:
        raise ConfigError(f"the {PREFIX} variables cannot be read: {error}") from None


def _check_json(name: str, value: str) -> None:
    try:
        found = json.loads(value, parse_float=Decimal)
    except ValueError as error:
        where = f" at character {error.pos + 1}: {error.msg}" if isinstance(error, json.JSONDecodeError) else ""
        raise ConfigError(f"{name}: not valid JSON{where}") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{name}: must be a JSON object")


def known_variables() -> list[str]:
    """Return every variable that means something, in order."""
    names = []
    for section, field in Settings.model_fields.items():
        names.append(f"{PREFIX}{section.upper()}")
        if section not in DATA_SECTIONS and (table := _table_of(field)) is not None:
            names += [f"{PREFIX}{section.upper()}__{key.upper()}" for key in table.model_fields]
    return names


def _table_of(field: FieldInfo) -> type[BaseModel] | None:
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _unknown_variable(name: str) -> str | None:
    """Say what is wrong with a variable's name; None when it means something."""
    names = known_variables()
    if name.upper() in names:
        return None
    section = name.removeprefix(PREFIX).split("__")[0]
    if section.lower() in DATA_SECTIONS:
        names_are_data = f"names below {section.lower()} are data, so set {PREFIX}{section} to JSON"
        return f"{name}: unknown variable; {names_are_data}"
    close = difflib.get_close_matches(name.upper(), names, n=1)
    return f"{name}: unknown variable{f'; did you mean {close[0]}?' if close else ''}"


def _merge(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """Lay one document over another; tables merge, anything else replaces."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _make_paths_absolute(document: dict[str, object], base: Path) -> None:
    """Anchor every `…_file` and `…_dir`, in place."""
    for section in ("database", "gateways", "webhooks"):
        table = document.get(section)
        if isinstance(table, Mapping):
            document[section] = _anchored(table, base)


def _anchored(table: Mapping[str, object], base: Path) -> dict[str, object]:
    anchored: dict[str, object] = {}
    for key, value in table.items():
        if key == "accounts":
            anchored[key] = value
        elif isinstance(value, Mapping):
            anchored[key] = _anchored(value, base)
        elif isinstance(value, str) and key.endswith(("_file", "_dir")):
            anchored[key] = str(base / Path(value).expanduser())
        else:
            anchored[key] = value
    return anchored


def describe_problem(detail: ErrorDetails, overrides: Mapping[str, object], path: Path | None) -> str:
    """Write one of pydantic's findings as a line: where it was given, which key, what is wrong."""
    location = detail["loc"]
    if detail["type"] == "extra_forbidden":
        what = "unknown key"
    elif detail["type"] == "missing":
        what = "must be given"
    else:
        what = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    key = ".".join(_written(part) for part in location if part != "[key]")
    return f"{_origin(location, overrides, path)}: {key}: {what}"


def _written(part: str | int) -> str:
    text = str(part)
    return text if text.replace("-", "").replace("_", "").isalnum() else f'"{text}"'


def _origin(location: tuple[str | int, ...], overrides: Mapping[str, object], path: Path | None) -> str:
    """Name the variable or file that a problem stems from."""
    found: object = overrides
    reached = 0
    for part in location:
        if not isinstance(found, Mapping) or part not in found:
            break
        found, reached = found[part], reached + 1
    section = str(location[0]).upper() if location else ""
    if reached == len(location) and reached > 0:
        nested = reached > 1 and section.lower() not in DATA_SECTIONS
        return f"{PREFIX}{section}{f'__{str(location[1]).upper()}' if nested else ''}"
    if path is not None:
        return str(path)
    return f"{PREFIX}{section}"
