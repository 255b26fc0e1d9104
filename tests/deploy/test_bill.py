"""What runs, by name: the bill of materials is whole, and every licence is known and allowed."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT: Final = Path(__file__).parents[2]
DOCUMENT: Final = ROOT / "recon" / "docs" / "production.md"
PINS: Final = ROOT / "config" / "constraints.txt"

#: Licences that ask for no more than their text, or bind only changes of the package itself.
ALLOWED: Final = {
    "Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "ISC", "LGPL-3.0-only", "MIT", "MIT-0", "MPL-2.0", "PSF-2.0",
    "PostgreSQL",
}  # fmt: skip
#: How packages that name no SPDX licence call theirs.
_FORMER: Final = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0-only",
    "PostgreSQL License": "PostgreSQL",
    "Python Software Foundation License": "PSF-2.0",
}


def runtime() -> dict[str, Distribution]:
    """Return every package that a plain installation brings, by name, without recon itself."""
    found: dict[str, Distribution] = {}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    todo = list(needed(project["dependencies"]))
    seen = set(todo)
    while todo:
        name, extras = todo.pop()
        found[name] = distribution(name)
        for other in needed(found[name].requires or (), extras):
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return found


def needed(requirements: Iterable[str], extras: frozenset[str] = frozenset()) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield what these requirements need here, with the extras wanted of each."""
    for text in requirements:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def licence_of(package: Distribution) -> str:
    """Return the licence as SPDX writes it."""
    metadata = package.metadata
    if expression := metadata.get_all("License-Expression"):
        return str(expression[0])
    classifiers = [text.rpartition(" :: ")[2] for text in metadata.get_all("Classifier", []) if "License ::" in text]
    named = [_FORMER[text] for text in classifiers if text in _FORMER]
    return named[0] if named else str(*metadata.get_all("License", ["unknown"])[:1])


def test_every_licence_is_allowed() -> None:
    wrong = {
        name: licence_of(package)
        for name, package in runtime().items()
        if not set(re.split(r" (?:AND|OR|WITH) |[()]", licence_of(package))) - {""} <= ALLOWED
    }
    assert not wrong


def test_the_document_lists_every_package_with_its_licence() -> None:
    rows = re.findall(r"^\| `([\w.-]+)` \| ([\w. -]+) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    expected = {name: licence_of(package) for name, package in sorted(runtime().items())}
    assert dict(rows) == expected


def test_every_package_is_pinned() -> None:
    pins = {canonicalize_name(line.partition("==")[0]) for line in PINS.read_text(encoding="utf-8").splitlines()}
    assert set(runtime()) <= pins


@pytest.mark.slow
def test_the_bill_of_materials_is_whole(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("cyclonedx-py")
    if not program.exists() and shutil.which(program.name) is None:
        pytest.skip("cyclonedx-bom is not here")
    bill = tmp_path / "recon.cdx.json"
    project = str(ROOT / "pyproject.toml")
    command = [
        str(program), "environment", "--pyproject", project, "--output-reproducible", "-o", str(bill), sys.executable,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)  # noqa: S603
    assert done.returncode == 0, done.stderr
    document = json.loads(bill.read_text(encoding="utf-8"))
    assert document["bomFormat"] == "CycloneDX"
    assert document["metadata"]["component"]["name"] == "recon"
    listed = {str(canonicalize_name(each["name"])): each for each in document["components"]}
    for name, package in runtime().items():
        assert listed[name]["version"] == package.version, name
        assert listed[name]["purl"].startswith("pkg:pypi/"), name
        assert listed[name].get("licenses"), name
