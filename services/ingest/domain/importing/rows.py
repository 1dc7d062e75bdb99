"""Rows: what a record says about an event. Which cell or key is which field of it, and what is wrong with those that
say none. Whether the event is valid is decided where all events are checked."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.ingest.domain.importing import values
from services.ingest.domain.importing.records import Record, UnreadableFile
from services.ingest.domain.importing.values import FieldProblem, InvalidValue

TEXT_FIELDS = ("event_id", "type", "lead_id", "email", "anonymous_id", "external_id", "source")
REFERENCES = ("lead_id", "email", "anonymous_id", "external_id")
TIME, PROPERTIES, PROPERTY = "occur_time", "properties", "properties."
LEFT_OUT = ""

_NAMES = {
    **{name.replace("_", ""): name for name in (*TEXT_FIELDS, TIME, PROPERTIES)},
    "lead": "lead_id",
    "event": "type",
    "timestamp": TIME,
    "time": TIME,
    # When the ledger took it in: exports have it, and the ledger will say it anew.
    "recordtime": LEFT_OUT,
}
"""Names that are known, without case, `_`, `-` and spaces."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it says it is, or what is wrong with it."""

    line: int
    texts: Mapping[str, str] = field(default_factory=dict)
    """By TEXT_FIELDS, those that are there."""
    occur_time: tuple[int, int] | None = None
    """Seconds since 1970 and nanoseconds."""
    properties: Mapping[str, Any] | None = None
    problem: FieldProblem | None = None


ReadRow = Callable[[Record], Row]


def field_of(name: str) -> str | None:
    """The field that a column or key of this name is; LEFT_OUT; None when it is none."""
    return _NAMES.get(name.strip().lower().replace("_", "").replace("-", "").replace(" ", ""))


def target_problem(target: str) -> str | None:
    """What is wrong with what a caller says that a column is; None when nothing is."""
    known = (*TEXT_FIELDS, TIME, PROPERTIES, LEFT_OUT)
    if target in known or (target.startswith(PROPERTY) and target != PROPERTY):
        return None
    return (
        f"must end with one of {', '.join(known[:-1])}, properties.<name>, or nothing after the `=`"
    )


def json_row(record: Record) -> Row:
    """The row of a JSON record: fields named as in the contract, in snake or camel case, or as in a header."""
    if record.problem:
        return Row(record.line, problem=FieldProblem("", record.problem))
    if not isinstance(record.value, dict):
        return Row(record.line, problem=FieldProblem("", "must be a JSON object"))
    texts: dict[str, str] = {}
    found: dict[str, Any] = {}
    for key, value in record.value.items():
        name = field_of(key)
        if name is None:
            reason = "is no field of an event; put it into `properties`"
            return Row(record.line, problem=FieldProblem(key[:64], reason))
        if value is None or name == LEFT_OUT:
            continue
        if name in found or name in texts:
            return Row(record.line, problem=FieldProblem(name, "is there twice"))
        if name in TEXT_FIELDS:
            if not isinstance(value, str):
                return Row(record.line, problem=FieldProblem(name, "must be a text"))
            texts[name] = value
        else:
            found[name] = value
    properties = found.get(PROPERTIES)
    if properties is not None and not isinstance(properties, dict):
        return Row(record.line, problem=FieldProblem(PROPERTIES, "must be a JSON object"))
    return _timed(record.line, texts, found.get(TIME), properties)


class CsvRows:
    """Reads the rows under a header."""

    def __init__(
        self, header: Sequence[str], columns: Mapping[str, str], default_type: bool
    ) -> None:
        """`columns`: what columns of these names are. Raises UnreadableFile when the header won't do."""
        names = [name.strip() for name in header]
        missing = [name for name in columns if name not in names]
        if missing:
            raise UnreadableFile(
                f"there is no column {_quoted(missing)}; there are {_quoted(names)}"
            )
        self._width = len(names)
        self._texts: list[tuple[int, str]] = []
        self._properties: list[tuple[int, str]] = []
        self._time: int | None = None
        self._object: int | None = None
        taken: dict[str, str] = {}
        for index, name in enumerate(names):
            target = columns[name] if name in columns else _target(name, index)
            if target in taken and target != LEFT_OUT:
                raise UnreadableFile(
                    f"the columns {_quoted([taken[target], name])} are both {target}: say what one of them is with "
                    f"`columns`, or leave it out with `{name}=`"
                )
            taken[target] = name
            self._place(index, target)
        if "type" not in taken and not default_type:
            raise UnreadableFile(
                f"no column is the type, and no default_type is given; there are {_quoted(names)}"
            )
        if not any(name in taken for name in REFERENCES):
            raise UnreadableFile(
                f"no column is one of {', '.join(REFERENCES)}; there are {_quoted(names)}"
            )

    def _place(self, index: int, target: str) -> None:
        if target == TIME:
            self._time = index
        elif target == PROPERTIES:
            self._object = index
        elif target.startswith(PROPERTY):
            self._properties.append((index, target.removeprefix(PROPERTY)))
        elif target != LEFT_OUT:
            self._texts.append((index, target))

    def row(self, record: Record) -> Row:
        """The row of a record. Empty cells are absent."""
        if record.problem:
            return Row(record.line, problem=FieldProblem("", record.problem))
        cells: list[str] = record.value
        if len(cells) != self._width:
            reason = f"has {len(cells)} cells, the header {self._width}"
            return Row(record.line, problem=FieldProblem("", reason))
        texts = {
            name: values.unguarded(cell)
            for index, name in self._texts
            if (cell := cells[index].strip())
        }
        properties: dict[str, Any] = {
            name: values.property_value(values.unguarded(cell))
            for index, name in self._properties
            if (cell := cells[index])
        }
        if self._object is not None and (text := cells[self._object].strip()):
            try:
                properties = {**values.json_object(text), **properties}
            except InvalidValue as error:
                return Row(record.line, problem=FieldProblem(PROPERTIES, str(error)))
        at = cells[self._time].strip() if self._time is not None else ""
        return _timed(record.line, texts, at or None, properties or None)


def is_blank(record: Record) -> bool:
    """Whether all cells of a CSV record are empty or spaces, as spreadsheets leave them below a table."""
    return not record.problem and not any(map(str.strip, record.value))


def _timed(
    line: int, texts: Mapping[str, str], at: object, properties: Mapping[str, Any] | None
) -> Row:
    if at is None or at == "":
        return Row(line, texts, None, properties)
    try:
        return Row(line, texts, values.instant(at), properties)
    except InvalidValue as error:
        return Row(line, problem=FieldProblem(TIME, str(error)))


def _target(name: str, index: int) -> str:
    if not name:
        raise UnreadableFile(f"column {index + 1} of the header has no name")
    known = field_of(name)
    if known is not None:
        return known
    return name if name.startswith(PROPERTY) and name != PROPERTY else f"{PROPERTY}{name}"


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name[:64]}`" for name in list(names)[:50])
