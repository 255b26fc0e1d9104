"""Postgres: how to connect (`engine`, `resolve`), run transactions (`transactions`), and be woken (`wakeup`).

Tasks of the service run transactions through `transactions.Database`. `blocking` runs the calls under their deadlines,
`bulk` writes many rows, `migrate` and `roles` prepare the schema, and `embedded` brings a server of our own.
"""
