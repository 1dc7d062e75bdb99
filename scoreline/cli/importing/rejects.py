"""The file of rejected rows: made when the first is rejected, in the format of the file they come from."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import TracebackType
from typing import TextIO

from scoreline.cli.importing.csv_rows import REJECTED_COLUMNS
from scoreline.cli.importing.row import Row


class Rejects:
    """Writes rejected rows to `path`, in place of what an earlier import left there; without any there is no file."""

    def __init__(self, path: Path, columns: list[str] | None) -> None:
        """`columns`: those of a CSV file; None for NDJSON."""
        self.path = path
        self._columns = columns
        self._file: TextIO | None = None

    def __enter__(self) -> Rejects:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, row: Row, reason: str) -> None:
        """Keep a row with the reason it was rejected for."""
        file = self._open()
        if self._columns is not None:
            csv.writer(file, lineterminator="\n").writerow([row.line, reason, *row.original])
        else:
            kept = {"line": row.line, "reason": reason, "row": row.original}
            file.write(json.dumps(kept, ensure_ascii=False) + "\n")

    def _open(self) -> TextIO:
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8", newline="")
            if self._columns is not None:
                csv.writer(self._file, lineterminator="\n").writerow(
                    [*REJECTED_COLUMNS, *self._columns]
                )
        return self._file
