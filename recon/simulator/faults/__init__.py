"""Faults: what is injected, what it must come to, and the truth of it."""
