"""Files on their way to the suite: the requests that carry one, and what is common to following its import."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, TypeGuard

from google.api.httpbody_pb2 import HttpBody

from scoreline.ingest.v1.imports_service_pb2 import (
    Import,
    ImportEventsRequest,
    ImportFormat,
)

PIECE_BYTES: Final = 512 * 1024
"""The service takes up to 1 MB at once."""

PAGE_SIZE: Final = 50

Source = str | os.PathLike[str] | Iterable[bytes]
"""A file: its path, or its bytes in pieces of any size."""

AsyncSource = Source | AsyncIterator[bytes]

ENDED: Final = (Import.STATE_SUCCEEDED, Import.STATE_FAILED, Import.STATE_CANCELLED)

_FORMAT_PREFIX = "IMPORT_FORMAT_"

IMPORT_FORMATS: Final = tuple(
    name.removeprefix(_FORMAT_PREFIX).lower() for name in ImportFormat.keys()[1:]
)
"""`csv`, `ndjson`, `json`."""


def first_message(
    source: object,
    form: str,
    file_name: str,
    columns: Mapping[str, str],
    default_type: str,
    event_source: str,
    request_id: str,
) -> ImportEventsRequest:
    """What a file is, before its bytes. Raises ValueError for a format there is not."""
    if form and form not in IMPORT_FORMATS:
        raise ValueError(f"no such format: {form!r}; there are {', '.join(IMPORT_FORMATS)}")
    return ImportEventsRequest(
        format=f"{_FORMAT_PREFIX}{form.upper() or 'UNSPECIFIED'}",
        file_name=file_name or (Path(source).name if is_path(source) else ""),
        columns=[f"{column}={field}" for column, field in columns.items()],
        default_type=default_type,
        source=event_source,
        # Sent again after a broken connection, the file is imported once.
        request_id=request_id or uuid.uuid4().hex,
    )


def is_path(source: object) -> TypeGuard[str | os.PathLike[str]]:
    """Whether a source is a file on disk, which can be read more than once."""
    return isinstance(source, str | os.PathLike)


def pieces(source: Source) -> Iterator[bytes]:
    """The bytes of a file, in pieces that a message takes. Raises OSError."""
    if not isinstance(source, str | os.PathLike):
        for given in source:
            yield from cut(given)
        return
    with Path(source).open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            yield piece


def cut(given: bytes) -> Iterator[bytes]:
    """Bytes in pieces that a message takes."""
    for at in range(0, len(given), PIECE_BYTES):
        yield given[at : at + PIECE_BYTES]


def message(piece: bytes) -> ImportEventsRequest:
    """A piece on its way."""
    return ImportEventsRequest(content=HttpBody(data=piece))


def import_in(answer: object) -> Import:
    """The import in an answer; the field's name is a word of Python."""
    found: Import = getattr(answer, "import")
    return found
