"""The benchmark: `python -m tests.bench`; see `tests/bench/__main__.py` for what it measures and how."""
