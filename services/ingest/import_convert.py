"""Protobuf to and from what imports are about: requests, imports, and the properties of rows."""

from collections.abc import Sequence
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from scoreline.ingest.v1 import imports_service_pb2 as pb
from services.ingest.domain.events import SOURCE_CHARS_MAX, IncomingEvent
from services.ingest.domain.importing.reading import Format, ReadOptions
from services.ingest.domain.importing.rows import Row, target_problem
from services.ingest.domain.names import InvalidName, event_type
from services.ingest.import_handlers import Shown, Upload
from services.ingest.import_ports import Import, KeptRow, State
from services.shared import structs
from services.shared.errors import Violations

FILE_NAME_CHARS_MAX = 256
REQUEST_ID_CHARS_MAX = 64
COLUMNS_MAX = 200
COLUMN_CHARS_MAX = 256
ID_HEX_DIGITS = 32
"""Of the file's SHA-256, in the ids of rows that have none."""

_FORMATS = {
    pb.IMPORT_FORMAT_UNSPECIFIED: Format.DETECT,
    pb.IMPORT_FORMAT_CSV: Format.CSV,
    pb.IMPORT_FORMAT_NDJSON: Format.NDJSON,
    pb.IMPORT_FORMAT_JSON: Format.JSON,
}
_FORMAT_VALUES = {form: value for value, form in _FORMATS.items()}
_STATE_VALUES = {
    State.PENDING: pb.Import.STATE_PENDING,
    State.RUNNING: pb.Import.STATE_RUNNING,
    State.SUCCEEDED: pb.Import.STATE_SUCCEEDED,
    State.FAILED: pb.Import.STATE_FAILED,
    State.CANCELLED: pb.Import.STATE_CANCELLED,
}


def upload(request: pb.ImportEventsRequest) -> Upload:
    """What the first message says. Raises InvalidFields."""
    violations = Violations()
    if request.format not in _FORMATS:
        violations.add("format", "must be IMPORT_FORMAT_CSV, _NDJSON or _JSON")
    _check_text("file_name", request.file_name, FILE_NAME_CHARS_MAX, violations)
    _check_text("request_id", request.request_id, REQUEST_ID_CHARS_MAX, violations)
    _check_text("source", request.source, SOURCE_CHARS_MAX, violations)
    if request.default_type:
        try:
            event_type(request.default_type)
        except InvalidName as error:
            violations.add("default_type", str(error))
    columns = _columns(request.columns, violations)
    violations.raise_if_any()
    options = ReadOptions(_FORMATS[request.format], columns, request.default_type, request.source)
    return Upload(request.file_name, options, request.request_id)


def _check_text(field: str, text: str, chars_max: int, violations: Violations) -> None:
    if len(text) > chars_max or not text.isprintable():
        violations.add(field, f"must be at most {chars_max} printable characters")


def _columns(columns: Sequence[str], violations: Violations) -> dict[str, str]:
    if len(columns) > COLUMNS_MAX:
        violations.add("columns", f"must be at most {COLUMNS_MAX}")
        return {}
    found: dict[str, str] = {}
    for index, column in enumerate(columns):
        field = f"columns[{index}]"
        name, equals, target = (part.strip() for part in column.rpartition("="))
        _check_text(field, column, COLUMN_CHARS_MAX, violations)
        if not equals or not name:
            violations.add(field, "must be `column=field`")
        elif problem := target_problem(target):
            violations.add(field, problem)
        elif name in found:
            violations.add(field, "names a column that an earlier one names")
        found[name] = target
    return found


def incoming(row: Row, options: ReadOptions, sha256: str) -> IncomingEvent:
    """The event of a row that has no problem."""
    texts = row.texts
    properties, problem = b"", None
    if row.properties:
        try:
            struct = structs.from_dict(row.properties)
            problem = structs.problem(struct)
            if problem is None:
                properties = struct.SerializeToString(deterministic=True)
        except RecursionError:
            problem = f"must be at most {structs.MAX_DEPTH} levels deep"
        except OverflowError:
            problem = "has a number that is too large"
        except ValueError:
            problem = "has a text that is not valid Unicode"
    return IncomingEvent(
        event_id=texts.get("event_id") or f"imp:{sha256[:ID_HEX_DIGITS]}:{row.line}",
        type=texts.get("type") or options.default_type,
        lead_id=texts.get("lead_id", ""),
        email=texts.get("email", ""),
        anonymous_id=texts.get("anonymous_id", ""),
        external_id=texts.get("external_id", ""),
        occur_time=row.occur_time,
        source=texts.get("source") or options.source,
        properties=properties,
        properties_problem=problem,
    )


def shown(given: Shown) -> pb.Import:
    """An import with its first rejected rows."""
    answer = an_import(given.found)
    answer.first_rejected_rows.extend(map(_rejected, given.first_rejected))
    return answer


def an_import(found: Import) -> pb.Import:
    """An import as it is listed."""
    answer = pb.Import(
        import_id=found.import_id,
        file_name=found.file_name,
        format=_FORMAT_VALUES[found.format],
        state=_STATE_VALUES[found.state],
        size_bytes=found.size_bytes,
        sha256=found.sha256,
        read_bytes=found.read_bytes,
        row_count=found.settled,
        accepted_count=found.accepted,
        duplicate_count=found.duplicate,
        rejected_count=found.rejected,
        failure=found.failure,
        delimiter=found.delimiter,
        encoding=found.encoding,
    )
    answer.create_time.CopyFrom(_timestamp(found.created_at))
    if found.ended_at is not None:
        answer.end_time.CopyFrom(_timestamp(found.ended_at))
    return answer


def _rejected(row: KeptRow) -> pb.RejectedRow:
    return pb.RejectedRow(line=row.line, column=row.column, reason=row.reason)


def _timestamp(at: datetime) -> Timestamp:
    answer = Timestamp()
    answer.FromDatetime(at)
    return answer
