"""Backups of the embedded server: taken, checked, restored, and tried in a drill (operator 11).

`manifest` and `retention` are pure; `directory` holds the backups, `take` makes one, `copying` reads one back,
`wal` keeps what the server writes since, `restore` makes a data directory of both, and `drill` proves it.
"""
