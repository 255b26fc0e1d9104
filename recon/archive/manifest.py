"""What an archive says of itself: each file with its events, their digests, and its own. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from recon.log.stretch import Stretch

FORMAT: Final = "recon.archive"
#: Raised when a reader of the former version could misread an archive.
VERSION: Final = 1


class UnreadableManifest(Exception):
    """The document is none of an archive; the text says why."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The stretches of an archive, by gateway and then in the order of the log."""

    format: str = FORMAT
    version: int = VERSION
    stretches: Sequence[Stretch] = ()

    def of(self, gateway: str) -> list[Stretch]:
        """Return the stretches of one log."""
        return [each for each in self.stretches if each.gateway == gateway]

    def with_stretch(self, stretch: Stretch) -> Manifest:
        """Return it with one more stretch, or with another one in the place of the same events."""
        place = (stretch.gateway, stretch.first_seq)
        others = [each for each in self.stretches if (each.gateway, each.first_seq) != place]
        return msgspec.structs.replace(self, stretches=_ordered([*others, stretch]))


def encode(manifest: Manifest) -> bytes:
    """Return a manifest as a file."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def decode(content: bytes) -> Manifest:
    """Read a manifest. Errors: UnreadableManifest."""
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableManifest("it is no manifest of an archive") from error
    if (manifest.format, manifest.version) != (FORMAT, VERSION):
        raise UnreadableManifest("it is of another version of recon")
    if list(manifest.stretches) != _ordered(manifest.stretches):
        raise UnreadableManifest("its files are not in the order of the log")
    return manifest


def _ordered(stretches: Iterable[Stretch]) -> list[Stretch]:
    return sorted(stretches, key=lambda each: (each.gateway, each.first_seq))
