"""The running service: `wiring` connects its parts, `supervisor` restarts them, `status` shows what they do.

`run` is `recon run`, from the settings to the exit status; `gateway` is one gateway's consumer, recorder and backfill
agent under one nursery.
"""
