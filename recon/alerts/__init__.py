"""Alerts: who is told of breaks, and of recon not seeing.

1. `break_alert` writes them, `policy` decides who is told, `outbox` stores them, `dispatcher` delivers over `channels`.
2. An alert is stored in the transaction that derived its transition, once per channel.
3. It is delivered at least once, under one id; the receiver drops repetitions.
4. `retry` decides when a failed message is sent again, `message` what one message carries.
"""
