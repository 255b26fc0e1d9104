"""An embedded Postgres: `server` starts and stops it, `data_dir` locks its directory, `process` watches it.

`cluster` knows its files and processes, `binaries` its programs, `account` who runs them. `guardian` is a script of
its own, which stops the server when recon dies.
"""
