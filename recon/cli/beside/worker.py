"""A worker: `python -m recon.cli.beside.worker` does one task, and tells of it on its standard output.

1. The one line of its input is an `Order`; it has the database's URL, so it is no argument.
2. SIGTERM has it take back what it began. Where nobody reads what it tells any more, it does the same: whoever started
   it is gone. It notices at the end of a step, which takes seconds.
3. Whatever else writes to standard output writes to standard error.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import BinaryIO

import msgspec

from recon.cli.beside.task import Advanced, Answered, Failed, Message, Order, answer, encode
from recon.cli.connection import log_warnings_only
from recon.cli.ended import ending_in_order
from recon.cli.failure import failure
from recon.cli.main import TRACEBACK
from recon.redaction import LAST_NET
from recon.service.collector import rest_collector


class _Teller:
    """What tells whoever started the worker, a line for each message."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output

    def tell(self, message: Message) -> None:
        self._output.write(encode(message) + b"\n")
        self._output.flush()

    def advance(self, done: int, total: int) -> None:
        self.tell(Advanced(done, total))


def main(*, with_traceback: bool) -> None:
    """Do the task of this process's input."""
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    order = msgspec.json.decode(sys.stdin.buffer.readline(), type=Order)
    LAST_NET.know(order.secrets)
    log_warnings_only()
    rest_collector()
    teller = _Teller(output)
    try:
        with ending_in_order():
            done = answer(order.task, teller.advance)
        teller.tell(Answered(msgspec.Raw(done)))
    except BrokenPipeError:
        return
    except Exception as error:  # noqa: BLE001 - whoever started it tells a person
        if with_traceback:
            sys.stderr.write(LAST_NET.clean("".join(traceback.format_exception(error))))
        found = failure(error)
        teller.tell(Failed(found.status, found.lines))


if __name__ == "__main__":
    main(with_traceback=TRACEBACK in sys.argv[1:])
