"""`python -m tests.support.write_schemas`: write the schemas of what receivers read anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from recon.alerts.published import schemas

PLACE: Final = Path(__file__).parents[2] / "recon" / "alerts" / "schemas"


def written() -> dict[str, str]:
    """Return the text of each file by its name."""
    return {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in schemas().items()}


def main() -> None:
    PLACE.mkdir(exist_ok=True)
    for name, content in written().items():
        (PLACE / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
