"""The event log: append-only, one order per gateway, and a digest that chains every event to the one before.

`recorder` appends what a gateway sends, under the `lease` of one writer, from a bounded `buffer`. `submit` appends what
people decide. `read` pages through the log, and `verify` recomputes its digests. `events` (the nouns) is pure.
"""
