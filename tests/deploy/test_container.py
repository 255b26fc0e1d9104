"""The image: not root, nothing from elsewhere but the base and what is pinned; built where podman can."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

ROOT: Final = Path(__file__).parents[2]
CONTAINERFILE: Final = ROOT / "config" / "container" / "Containerfile"
IGNORED: Final = CONTAINERFILE.with_name("Containerfile.dockerignore")
#: Names another base, where the usual one cannot be pulled: any image with Python 3.11 and its module venv.
BASE_VARIABLE: Final = "TEST_CONTAINER_BASE"


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", " ", CONTAINERFILE.read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in lines]


def test_it_is_not_root_by_a_number() -> None:
    last = [value for name, value in instructions() if name == "USER"][-1]
    user, group = last.split(":")
    assert int(user) > 0
    assert int(group) > 0


def test_nothing_comes_from_elsewhere_but_what_is_pinned() -> None:
    names = {name for name, _ in instructions()}
    assert "ADD" not in names
    runs = " ".join(value for name, value in instructions() if name == "RUN")
    assert "-c config/constraints.txt" in runs
    assert not re.search(r"curl|wget|git clone|apt|https?://", runs)
    ends = [value for name, value in instructions() if name == "FROM"]
    assert all(value.startswith("${BASE}") for value in ends)


def test_what_is_copied_exists_and_is_not_ignored() -> None:
    kept = {line[1:] for line in IGNORED.read_text(encoding="utf-8").splitlines() if line.startswith("!")}
    for name, value in instructions():
        if name == "COPY" and not value.startswith("--from"):
            *sources, _ = value.split()
            for source in sources:
                assert (ROOT / source).exists(), source
                assert source in kept, source
    assert "recon.toml" not in kept, "no settings of a checkout get into an image"


def test_no_secret_is_in_it() -> None:
    environment = " ".join(value for name, value in instructions() if name in {"ENV", "ARG"})
    assert not re.search(r"(?i)password|api_key|secret|token|url", environment)


@pytest.fixture
def image() -> Iterator[str]:
    podman = shutil.which("podman")
    if podman is None:
        pytest.skip("podman is not here")
    if run(podman, "info").returncode:
        pytest.skip("podman does not work here")
    name = f"localhost/recon-test-{uuid4().hex[:12]}"
    given = os.environ.get(BASE_VARIABLE)
    base = given or _default_base()
    if not given and run(podman, "pull", "--quiet", base).returncode:
        pytest.skip(f"{base} cannot be pulled here; name another image by {BASE_VARIABLE}")
    built = run(
        podman, "build", "--quiet", "--isolation=chroot", "--build-arg", f"BASE={base}",
        "--ignorefile", str(IGNORED), "-f", str(CONTAINERFILE), "-t", name, str(ROOT), seconds=1500,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr[-3000:]
    yield name
    run(podman, "rmi", "--force", name)


def _default_base() -> str:
    (base,) = [value.partition("=")[2] for name, value in instructions() if name == "ARG" and value.startswith("BASE=")]
    return base


def run(*command: str, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds)  # noqa: S603


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_it_is_built_and_what_is_in_it_starts_as_nobody(image: str) -> None:
    """Its files are looked at and run in place: not every machine that builds can also run containers."""
    podman = shutil.which("podman") or ""
    inspected = run(podman, "image", "inspect", "--format", "{{.Config.User}} {{.Config.Entrypoint}}", image)
    assert inspected.stdout.split() == ["65532:65532", "[recon]"]
    mounted = run(podman, "image", "mount", image)
    if mounted.returncode or os.geteuid() != 0:
        pytest.skip("the image is built; its files can be looked at by root alone")
    root = Path(mounted.stdout.strip())
    try:
        chroot = ("chroot", "--userspec=65532:65532", str(root), "/opt/recon/bin/recon")
        version = run(*chroot, "--version")
        assert version.returncode == 0, version.stderr
        assert version.stdout.startswith("recon ")
        assert "/livez" in run(*chroot, "docs", "production", "--raw").stdout
        refused = run(*chroot, "check-config", "--config", "/etc/recon/recon.toml")
        assert refused.returncode == 2, "settings are not in it"
        assert not list(root.glob("opt/recon/bin/pip*"))
        assert not (root / "src").exists(), "the checkout is not in it"
    finally:
        run(podman, "image", "unmount", image)
