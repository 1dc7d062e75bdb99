"""Records of JSON: a value a line, or the elements of one array. An element that is no JSON is refused and skipped by
its brackets; only where the array itself is broken reading ends."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from services.ingest.domain.importing.records import (
    RECORD_CHARS_MAX,
    TOO_LONG,
    Record,
    UnreadableFile,
)
from services.ingest.domain.importing.texts import MARK

NOT_TEXT = "has bytes that are not UTF-8"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_decoder = json.JSONDecoder(parse_constant=_no_constant)


class NdjsonRecords:
    """A record a line, blank lines left out."""

    def __init__(self) -> None:
        self._rest = ""
        self._line = 1
        self._skipping = False

    def feed(self, text: str, final: bool = False) -> Iterator[Record]:
        """The records that are complete; `final` with the last text."""
        lines = (self._rest + text).split("\n")
        self._rest = lines.pop()
        if final and self._rest:
            lines.append(self._rest)
            self._rest = ""
        for line in lines:
            if self._skipping:
                self._skipping = False
            elif len(line) > RECORD_CHARS_MAX:
                yield Record(self._line, problem=TOO_LONG)
            elif line and not line.isspace():
                yield _record(self._line, line.strip())
            self._line += 1
        if self._skipping:
            self._rest = ""
        elif len(self._rest) > RECORD_CHARS_MAX:
            yield Record(self._line, problem=TOO_LONG)
            self._rest = ""
            self._skipping = True


class JsonArrayRecords:
    """The elements of an array; their lines are their places in it, from 1."""

    def __init__(self) -> None:
        self._rest = ""
        self._number = 0
        self._state = _ARRAY
        self._scan = _Scan()

    def feed(self, text: str, final: bool = False) -> Iterator[Record]:
        """The elements that are complete; `final` with the last text. Raises UnreadableFile."""
        text = self._rest + text
        at = 0
        while True:
            if self._state is _SKIPPING:
                at, done = self._scan.through(text, at)
                if not done:
                    break
                self._state = _AFTER
            at = _reach(_SPACE, text, at, len(text))
            if at == len(text):
                break
            if self._state in (_FIRST, _NEXT) and not (self._state is _FIRST and text[at] == "]"):
                # An element is looked at when all of it must be there: then it does not matter how the text was cut.
                if len(text) - at <= RECORD_CHARS_MAX and not final:
                    break
                at, record = self._element(text, at)
                yield record
            else:
                self._step(text[at])
                at += 1
        self._rest = text[at:]
        if final and self._state is not _END:
            where = "in" if self._state is _SKIPPING else "after"
            raise UnreadableFile(f"the array is cut off {where} element {self._number}")

    def _step(self, character: str) -> None:
        """Take in what is between elements."""
        expected, following = {
            _ARRAY: ("[", {"[": _FIRST}),
            _FIRST: ("]", {"]": _END}),
            _AFTER: (", or ]", {",": _NEXT, "]": _END}),
            _END: ("nothing", {}),
        }[self._state]
        if character not in following:
            raise UnreadableFile(
                f"the array is broken after element {self._number}: {expected} is expected there, "
                f"not {character!a}"
            )
        self._state = following[character]

    def _element(self, text: str, at: int) -> tuple[int, Record]:
        self._number += 1
        self._state = _AFTER
        limit = at + RECORD_CHARS_MAX
        self._scan = _Scan()
        end, done = self._scan.through(text, at, limit)
        if done:
            if end == at:
                raise UnreadableFile(
                    f"the array is broken: element {self._number} begins with {text[at]!a}"
                )
            return end, _record(self._number, text[at:end])
        if len(text) <= limit:
            raise UnreadableFile(f"the array is cut off in element {self._number}")
        self._state = _SKIPPING
        return end, Record(self._number, problem=TOO_LONG)


_ARRAY, _FIRST, _NEXT, _AFTER, _SKIPPING, _END = range(6)
"""What comes next: the array, its first element or end, an element, a comma or the end, the rest of an element that is
too long, nothing."""

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_PLAIN = re.compile(r'[^"\[\]{}]*+')
_SCALAR = re.compile(r'[^\s,"\[\]{}]*+')


class _Scan:
    """Finds where a value ends, by its brackets and quotes alone; goes on where the text before ended."""

    def __init__(self) -> None:
        self._begun = False
        self._scalar = False
        self._in_string = False
        self._depth = 0

    def through(self, text: str, at: int, limit: int | None = None) -> tuple[int, bool]:
        """How far the text is the value's, up to `limit`; and whether it ends there."""
        end = len(text) if limit is None else min(limit, len(text))
        if not self._begun and at < end:
            self._begun = True
            self._scalar = text[at] not in '"[{'
            if not self._scalar:
                at = self._open(text, at)
        if self._scalar:
            at = _reach(_SCALAR, text, at, end)
            return at, at < end
        while at < end:
            if self._in_string:
                at = _reach(_STRING, text, at, end)
                if at == end or text[at] == "\\":
                    # The character that an escape is about is still to come.
                    return at, False
                self._in_string = False
                at += 1
            else:
                at = _reach(_PLAIN, text, at, end)
                if at == end:
                    return at, False
                at = self._open(text, at)
            if self._depth == 0 and not self._in_string:
                return at, True
        return at, False

    def _open(self, text: str, at: int) -> int:
        """Take in a quote or a bracket."""
        if text[at] == '"':
            self._in_string = True
        else:
            self._depth += 1 if text[at] in "[{" else -1
        return at + 1


def _reach(pattern: re.Pattern[str], text: str, at: int, end: int) -> int:
    found = pattern.match(text, at, end)
    return found.end() if found else at


def _record(line: int, text: str) -> Record:
    if MARK in text:
        return Record(line, problem=NOT_TEXT)
    try:
        value: Any = _decoder.decode(text)
    except RecursionError:
        return Record(line, problem="is nested too deeply")
    except ValueError as error:
        return Record(line, problem=f"is not JSON ({str(error)[:100]})")
    return Record(line, value)
