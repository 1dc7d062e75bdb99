"""Structured logs: one JSON object a line on stderr, with the request and trace ids of the call that wrote it.

What may be logged: ids the suite made, counts, durations, error classes. Never credentials, e-mail addresses,
references, properties or other personal data.
"""

import logging
import sys
from collections.abc import Mapping
from typing import Any, Literal

import structlog

Level = Literal["debug", "info", "warning", "error"]
Logger = structlog.typing.FilteringBoundLogger


_DATA_EXCEPTION = "22"
"""Class of SQLSTATEs."""


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
        structlog.processors.ExceptionRenderer(_WithoutValues()),
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


class _WithoutValues:
    """Exceptions as JSON, without what they may hold of keys and personal data: local variables, and of what the
    database says the parts that quote rows ("Failing row contains ...", "COPY ledger, line 1: ...")."""

    def __init__(self) -> None:
        # Showing local variables is structlog's default.
        self._transform = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)

    def __call__(self, exc_info: structlog.typing.ExcInfo) -> list[dict[str, Any]]:
        raised = self._transform(exc_info)
        errors: dict[int, BaseException] = {}
        _collect(exc_info[1], errors)
        said = {str(one): text for one in errors.values() if (text := _of_database(one))}
        _replace(raised, said)
        return raised


def _collect(error: BaseException | None, found: dict[int, BaseException]) -> None:
    """An exception with all that it comes with: what caused it, what it came after, what it is a group of."""
    if error is None or id(error) in found:
        return
    found[id(error)] = error
    _collect(error.__cause__, found)
    _collect(error.__context__, found)
    for one in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        _collect(one, found)


def _replace(raised: list[dict[str, Any]], said: Mapping[str, str]) -> None:
    """Put what may be said in place of the texts of exceptions."""
    for one in raised:
        one["exc_value"] = said.get(one["exc_value"], one["exc_value"])
        for group in one["exceptions"]:
            _replace(group, said)


def _of_database(error: BaseException) -> str | None:
    """What may be said of an error that the database's server reports, or SQLAlchemy of one; None for any other. Known
    by its attributes: services without a database need no driver."""
    original = getattr(error, "orig", None)
    if isinstance(original, BaseException):
        said = _of_database(original)
        return None if said is None else f"({type(original).__name__}) {said}"
    sqlstate, diagnosis = getattr(error, "sqlstate", None), getattr(error, "diag", None)
    if not isinstance(sqlstate, str) or diagnosis is None:
        return None
    # Of data that it can't take, the server quotes the value in the message itself.
    quotes = sqlstate.startswith(_DATA_EXCEPTION)
    primary = "a value that the database refuses" if quotes else diagnosis.message_primary
    return f"{primary} (SQLSTATE {sqlstate})"


def get(name: str) -> Logger:
    """A logger that says which part of the service it belongs to."""
    logger: Logger = structlog.get_logger(part=name)
    return logger
