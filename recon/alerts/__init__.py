"""Alerts: `policy` decides and writes them, `outbox` stores them, `dispatcher` delivers them over `channels`.

1. An alert is stored in the transaction that derived its transition, once per channel.
2. It is delivered at least once, under one id; the receiver drops repetitions.
3. `retry` decides when a failed message is sent again, `message` what one message carries.
"""
