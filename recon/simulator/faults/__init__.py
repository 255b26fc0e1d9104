"""Faults: how each is injected, how large a step it makes, and the record of the truth."""
