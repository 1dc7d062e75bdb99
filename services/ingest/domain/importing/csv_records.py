"""Records of a CSV file (RFC 4180): cells in quotes may have delimiters and line ends in them.

A quote that nobody closes would swallow the rest of the file. So a record that does not end within RECORD_CHARS_MAX is
given up: its first line is refused, and reading goes on with the line after it.
"""

import csv
import re
from collections.abc import Iterator
from itertools import accumulate

from services.ingest.domain.importing.records import RECORD_CHARS_MAX, TOO_LONG, Record
from services.ingest.domain.importing.texts import MARK

DELIMITERS = ",;\t|"
"""The likelier first."""

NOT_CLOSED = f"has a quote that is not closed within {RECORD_CHARS_MAX:,} characters"


def delimiter_of(header: str) -> str:
    """The delimiter that is most frequent outside quotes in a header line; a comma when none is there."""
    plain = re.sub(r'"[^"]*"', "", header)
    return max(DELIMITERS, key=plain.count)


class CsvRecords:
    """The records of one file, blank lines left out."""

    def __init__(self, delimiter: str, line: int = 1) -> None:
        """`line` is the number of the first one."""
        self._delimiter = delimiter
        self._rest = ""
        """A line, or the lines of a record, whose end has not come."""
        self._line = line
        self._skipping = False
        """Within a line that is too long."""

    def feed(self, text: str, final: bool = False) -> Iterator[Record]:
        """The records that are complete; `final` with the last text."""
        lines = (self._rest + text).split("\n")
        self._rest = ""
        tail = lines.pop()
        if self._skipping:
            if not lines:
                return
            self._skipping = False
            self._line += 1
            del lines[0]
        if final and tail:
            lines.append(tail)
            tail = ""
        yield from self._records(lines, tail, final)

    def _records(self, lines: list[str], tail: str, final: bool) -> Iterator[Record]:
        extents = _Extents(lines, self._delimiter)
        at = 0
        while at < len(lines):
            first = lines[at]
            if len(first) > RECORD_CHARS_MAX:
                yield self._refused(TOO_LONG)
                at += 1
                continue
            taken = extents.of(at) if '"' in first else 1
            left = extents.chars_from(at) + len(tail)
            if taken == 0 and not final and left <= RECORD_CHARS_MAX:
                self._rest = "\n".join([*lines[at:], tail])
                return
            if taken == 0:
                yield self._refused(NOT_CLOSED)
                at += 1
                continue
            record = first if taken == 1 else "\n".join(lines[at : at + taken])
            if record and not record.isspace():
                yield self._record(record.removesuffix("\r"))
            at += taken
            self._line += taken
        if len(tail) > RECORD_CHARS_MAX:
            yield Record(self._line, problem=TOO_LONG)
            self._skipping = True
        else:
            self._rest = tail

    def _record(self, text: str) -> Record:
        if MARK in text:
            return Record(self._line, problem="has bytes that are no text in the file's encoding")
        if '"' not in text:
            return Record(self._line, text.split(self._delimiter))
        try:
            (cells,) = csv.reader([text], delimiter=self._delimiter)
        except (csv.Error, ValueError) as error:
            return Record(self._line, problem=f"can't be read ({error})")
        return Record(self._line, cells)

    def _refused(self, problem: str) -> Record:
        refused = Record(self._line, problem=problem)
        self._line += 1
        return refused


_QUOTED = re.compile(r'(?:[^"]++|"")*+')


class _Extents:
    """Where the records among some lines end. Each line is looked at twice at most, however many records begin before
    it: within a quote it is the first line that closes it, for all of them."""

    def __init__(self, lines: list[str], delimiter: str) -> None:
        self._lines = lines
        self._opening = re.compile(f'(?:^|{re.escape(delimiter)})"')
        self._opening_later = re.compile(f'{re.escape(delimiter)}"')
        self._begins = [0, *accumulate(len(line) + 1 for line in lines)]
        """How many characters are before each line."""
        self._closing = 0
        """No line before this one, from the record that was asked for last, ends a record that is open there."""

    def of(self, at: int) -> int:
        """How many lines the record that begins there has; 0 when its end is not among them or too far away. To be
        asked for in the order of the lines."""
        if not self._open_after(self._lines[at], False):
            return 1
        self._closing = max(self._closing, at + 1)
        while self._closing < len(self._lines):
            if self._begins[self._closing + 1] - 1 - self._begins[at] > RECORD_CHARS_MAX:
                return 0
            if not self._open_after(self._lines[self._closing], True):
                return self._closing + 1 - at
            self._closing += 1
        return 0

    def chars_from(self, at: int) -> int:
        """How many characters the lines from there on have, with their ends."""
        return self._begins[-1] - self._begins[at]

    def _open_after(self, line: str, is_open: bool) -> bool:
        """Whether a cell in quotes goes on after the line."""
        at = 0
        opening = self._opening
        while True:
            if not is_open:
                opened = opening.search(line, at)
                if opened is None:
                    return False
                at = opened.end()
            # Doubled quotes stand for one in the text.
            closed = _QUOTED.match(line, at)
            at = closed.end() if closed else at
            if at >= len(line):
                return True
            at += 1
            is_open = False
            opening = self._opening_later
