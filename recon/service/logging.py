"""How the service writes about itself: structlog to standard error, for people or for machines."""

from __future__ import annotations

import logging
import sys
from typing import Final

import stamina
import structlog
from structlog.typing import Processor

from recon.config import Log
from recon.ems.credentials import silence_libraries

_log = structlog.get_logger(__name__)

_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logging(log: Log) -> None:
    """Send our own log to standard error at the level and in the format of the settings.

    Libraries speak from WARNING on, whatever our own level: at DEBUG some write requests with the keys in them.
    """
    silence_libraries()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: list[Processor]
    if log.format == "json":
        last = [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    else:
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[log.level]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last]
        )
    )
    stamina.instrumentation.set_on_retry_hooks([_tell_retry])
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("recon").setLevel(_LEVELS[log.level])


def _tell_retry(details: stamina.instrumentation.RetryDetails) -> None:
    """Say that something is asked for again over HTTP; the reasons are written where they arise, without secrets."""
    _log.info("asked again", reason=str(details.caused_by), after=details.retry_num, pause_seconds=details.wait_for)
