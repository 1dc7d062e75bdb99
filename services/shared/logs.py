"""Structured logs: one JSON object a line on stderr, with the request and trace ids of the call that wrote it.

What may be logged: ids the suite made, counts, durations, error classes. Never credentials, e-mail addresses,
references, properties or other personal data.
"""

import logging
import sys
from typing import Any, Literal

import structlog

Level = Literal["debug", "info", "warning", "error"]
Logger = structlog.typing.FilteringBoundLogger


def configure(service: str, level: Level) -> None:
    """Send this process's own and its libraries' log lines to stderr as JSON."""
    threshold = logging.getLevelNamesMapping()[level.upper()]

    def name_service(
        _: Any, __: str, line: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        line["service"] = service
        return line

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
    ]
    render: list[structlog.typing.Processor] = [
        # Without local variables, which is not structlog's default: they hold keys and personal data.
        structlog.processors.ExceptionRenderer(
            structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        ),
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(threshold, logging.WARNING), force=True)


def get(name: str) -> Logger:
    """A logger that says which part of the service it belongs to."""
    logger: Logger = structlog.get_logger(part=name)
    return logger
