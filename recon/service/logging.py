"""The service's own log: structlog to standard error, for people or for machines."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from types import TracebackType
from typing import Final, Literal

import stamina
import structlog
from structlog.typing import EventDict, Processor

from recon.config import Log
from recon.ems.credentials import silence_libraries
from recon.redaction import LAST_NET

_log = structlog.get_logger(__name__)

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logging(log: Log) -> None:
    """Send our own log to standard error at the level and in the format of the settings.

    Libraries log from WARNING on at every level of ours: at DEBUG some log requests with the keys in them. No traceback
    shows local variables, and each line passes the last net, also what ends the process or a thread.
    """
    silence_libraries()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[log.level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(log.format), _clean],
        )
    )
    stamina.instrumentation.set_on_retry_hooks([_log_retry])
    sys.excepthook = _write_uncaught
    threading.excepthook = _write_uncaught_in_thread
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("recon").setLevel(_LEVELS[log.level])


def _renderers(format_: Literal["console", "json"]) -> list[Processor]:
    if format_ == "json":
        # The ready-made `dict_tracebacks` shows local variables, and so every secret that a function was given.
        tracebacks = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        return [structlog.processors.ExceptionRenderer(tracebacks), structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def _clean(_logger: object, _method: str, line: EventDict | str) -> str:
    """Remove the secrets of the settings, and those of URLs, from a rendered line."""
    return LAST_NET.clean(str(line))


def _write_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    sys.stderr.write(LAST_NET.clean("".join(traceback.format_exception(kind, error, trace))))


def _write_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _write_uncaught(args.exc_type, args.exc_value, args.exc_traceback)


def _log_retry(details: stamina.instrumentation.RetryDetails) -> None:
    """Log that an HTTP request is sent again; its reason contains no secrets."""
    _log.info(
        "request sent again", reason=str(details.caused_by), after=details.retry_num, pause_seconds=details.wait_for
    )
