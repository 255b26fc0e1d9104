"""The service's own log: structlog to standard error, for people or for machines."""

from __future__ import annotations

import logging
import sys
from typing import Final, Literal

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

    Libraries log from WARNING on at every level of ours: at DEBUG some log requests with the keys in them.
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
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(log.format)],
        )
    )
    stamina.instrumentation.set_on_retry_hooks([_log_retry])
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("recon").setLevel(_LEVELS[log.level])


def _renderers(format_: Literal["console", "json"]) -> list[Processor]:
    if format_ == "json":
        return [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]


def _log_retry(details: stamina.instrumentation.RetryDetails) -> None:
    """Log that an HTTP request is sent again; its reason contains no secrets."""
    _log.info(
        "request sent again", reason=str(details.caused_by), after=details.retry_num, pause_seconds=details.wait_for
    )
