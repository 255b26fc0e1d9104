"""Reading the settings: a TOML file, overridden by RECON_ variables. Messages name the key, never its value."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource, SettingsError

from recon.config.problems import DATA_SECTIONS, PREFIX, problems_of
from recon.config.tables import Settings
from recon.errors import ConfigError
from recon.library_words import toml_problem
from recon.nearest import did_you_mean

#: Sections whose keys are data, so that a key such as `x_file` names no file.
SECTIONS_WITHOUT_PATHS: Final = ("accounts", "imports")
#: Largest settings file, in bytes.
MAX_FILE_BYTES: Final = 4 << 20


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of a file, if one is named, and of the environment, which overrides the file.

    Tables merge; a list or value of the environment replaces the file's. A relative path in the settings starts at
    the file's directory (without a file: at the working directory). Decimals are read exactly.

    Raise ConfigError with a line for each problem: unknown keys and variables, missing files, contradictory auth,
    unreadable TOML or JSON. Messages repeat no value, which might be a secret.
    """
    document = {} if path is None else read_file(path)
    ours = {name: value for name, value in environ.items() if name.startswith(PREFIX)}
    problems = [problem for name in sorted(ours) if (problem := _unknown_variable(name)) is not None]
    readable = {name: value for name, value in ours.items() if _unknown_variable(name) is None}
    overrides = _read_environment(readable)
    merged = _merge(document, overrides)
    _make_paths_absolute(merged, Path.cwd() if path is None else path.absolute().parent)
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        problems += problems_of(error, Settings, path, overrides)
    else:
        if not problems:
            return settings
    # From None: pydantic's own error may show values.
    raise ConfigError("\n".join(problems)) from None


def read_file(path: Path) -> dict[str, object]:
    """Return a TOML file with exact numbers. Raise ConfigError with the path and the place of the mistake."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ConfigError(f"{path}: larger than {MAX_FILE_BYTES} bytes; this is no settings file")
        # Some editors begin a file with a mark of its encoding.
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: the settings file cannot be read: {error.strerror or 'unknown reason'}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: the settings file is not UTF-8 text") from error
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ArithmeticError) as error:
        raise ConfigError(f"{path}: {toml_problem(str(error))}") from None


class _Environment(EnvSettingsSource):
    """pydantic-settings' reader of nested variables, on a given environment, with exact numbers."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._given = environ
        super().__init__(Settings)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._given.items()}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: object) -> object:  # noqa: ARG002
        """Return JSON without floats."""
        return json.loads(str(value), parse_float=Decimal)


def _read_environment(environ: Mapping[str, str]) -> dict[str, object]:
    for name, value in environ.items():
        if "__" not in name:
            _check_json(name, value)
    try:
        return dict(_Environment(environ)())
    except SettingsError as error:
        raise ConfigError(_unreadable(environ, str(error))) from None


def _unreadable(environ: Mapping[str, str], message: str) -> str:
    """Return which variable cannot be read: what it sets is a table or a list, so it must be JSON."""
    key = re.findall(r'"([^"]*)"', message)[:1]
    names = [name for name in environ if key and name.lower().removeprefix(PREFIX.lower()).startswith(key[0])]
    return f"{', '.join(names) or f'a {PREFIX} variable'}: must be JSON, for it sets a table or a list"


def _check_json(name: str, value: str) -> None:
    try:
        document = json.loads(value, parse_float=Decimal)
    except ValueError as error:
        where = f" at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
        raise ConfigError(f"{name}: not valid JSON{where}") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{name}: must be a JSON object")


def known_variables() -> list[str]:
    """Return the names of all variables that recon reads, in order."""
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
    """Return what is wrong with a variable's name; None if recon reads it."""
    names = known_variables()
    if name.upper() in names:
        return None
    section = name.removeprefix(PREFIX).split("__")[0]
    if section.lower() in DATA_SECTIONS:
        names_are_data = f"names below {section.lower()} are data, so set {PREFIX}{section} to JSON"
        return f"{name}: unknown variable; {names_are_data}"
    return f"{name}: unknown variable{did_you_mean(name, names)}"


def _merge(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """Return one document over another: tables merge, any other value replaces."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _make_paths_absolute(document: dict[str, object], base: Path) -> None:
    """Make every `…_file` and `…_dir` absolute, in place."""
    for section, table in document.items():
        if isinstance(table, Mapping) and section not in SECTIONS_WITHOUT_PATHS:
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
