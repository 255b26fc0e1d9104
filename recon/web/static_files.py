"""The files that the page needs, under names that change with their content, so that browsers keep them for good."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from recon.web.headers import ALWAYS

#: Where they are served.
STATIC: Final = "/static/"
_PLACE: Final = Path(__file__).parent / "static"
_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: Characters of a hash in a name.
_SHORT: Final = 12


class StaticFile(msgspec.Struct, frozen=True):
    """A file as it is served."""

    content: bytes
    media_type: str
    etag: str


class StaticFiles:
    """All files of the page, read once."""

    def __init__(self) -> None:
        """Read them."""
        self._files: dict[str, StaticFile] = {}
        self._names: dict[str, str] = {}
        for path in sorted(_PLACE.iterdir()):
            media_type = _TYPES.get(path.suffix)
            if media_type is None:
                continue
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:_SHORT]
            name = f"{path.stem}-{digest}{path.suffix}"
            self._names[path.name] = name
            self._files[name] = StaticFile(content, media_type, f'"{digest}"')

    def address(self, name: str) -> str:
        """Return the address of a file by its plain name."""
        return STATIC + self._names[name]

    async def serve(self, request: Request) -> Response:
        """Answer a request for a file."""
        file = self._files.get(request.path_params["name"])
        if file is None:
            return Response("there is no such file", 404, headers=ALWAYS, media_type="text/plain")
        headers = {**ALWAYS, "Cache-Control": "public, max-age=31536000, immutable", "ETag": file.etag}
        known = {each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")}
        if file.etag in known:
            return Response(status_code=304, headers=headers)
        return Response(file.content, headers=headers, media_type=file.media_type)
