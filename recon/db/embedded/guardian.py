"""The process between recon and its embedded Postgres, which stops the server when recon dies.

It runs as a script of its own (standard library only, in its own session, so a terminal's Ctrl-C does not
reach the server): `guardian.py UID:GID|- STOP_SECONDS QUIT_SECONDS COMMAND…`. It starts the command, under
that account if one is given, and prints the server's process id. Its standard input is a pipe that recon
keeps open. End of file means that recon stopped or died (kill -9 too); the guardian then asks for a fast shutdown
(SIGINT), then for an immediate one (SIGQUIT), then sends SIGKILL. When the server ends by itself, so does the
guardian. Linux's parent-death signal would not do: it is tied to the thread that started the child.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading


def _stop(server: subprocess.Popen[bytes], stop_seconds: float, quit_seconds: float) -> None:
    """Wait for the end of our input, then end the server, with a stronger signal after each bound."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    for number, seconds in ((signal.SIGINT, stop_seconds), (signal.SIGQUIT, quit_seconds)):
        server.send_signal(number)
        try:
            server.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            continue
        return
    server.kill()


def main(arguments: list[str]) -> int:
    """Start the server and live as long as it does; return its exit status, or 128 + the signal."""
    account, stop_seconds, quit_seconds, *command = arguments
    uid, gid = (None, None) if account == "-" else map(int, account.split(":"))
    server = subprocess.Popen(  # noqa: S603 - the command is built by recon.db.embedded.server alone
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        user=uid,
        group=gid,
        extra_groups=None if uid is None else [],
        umask=0o077,
        cwd="/",
    )
    sys.stdout.write(f"{server.pid}\n")
    sys.stdout.flush()
    stopper = threading.Thread(
        target=_stop,
        args=(server, float(stop_seconds), float(quit_seconds)),
        daemon=True,
        name="stop the server",
    )
    stopper.start()
    status = server.wait()
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    # os._exit: the stopper may be blocked in its read, which an orderly interpreter exit need not wait for.
    os._exit(main(sys.argv[1:]))
