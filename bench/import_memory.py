"""python -m bench.import_memory [--megabytes N] [--pad-bytes N]: the memory of ingest and of Envoy while a file is
imported through the edge, from the kernel's own high-water marks. A column that the import leaves out makes up most of
the file, so that the broker's disk is not what is measured; without it (0) rows are as small as rows get."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import httpx
import psutil

from stack import Stack, StackConfig

MEGABYTE = 1_000_000
PAD_BYTES = 2_000
OTHER_BYTES = 62
"""Of a row, about."""
PIECE_ROWS = 500
POLL_S = 0.5
TIMEOUT_S = 3_600.0

ENDED = ("STATE_SUCCEEDED", "STATE_FAILED", "STATE_CANCELLED")


def file_of(size_bytes: int, pad_bytes: int) -> Iterator[bytes]:
    """A CSV file of about that size."""
    yield b"event_id,type,lead_id,occur_time,page,pad\n"
    pad = b"x" * pad_bytes
    for at in range(0, size_bytes // (OTHER_BYTES + pad_bytes), PIECE_ROWS):
        yield b"".join(
            b"big-%d,page_view,lead-%d,2026-03-01T09:30:00Z,/%d,%s\n"
            % (row, row % 10_000, row, pad)
            for row in range(at, at + PIECE_ROWS)
        )


def peak_megabytes(process: psutil.Process) -> float:
    """The most memory that a process has ever held."""
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        (line,) = (line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / MEGABYTE


def process_of(word: str) -> psutil.Process:
    """The child whose command line has the word."""
    return next(
        child
        for child in psutil.Process().children(recursive=True)
        if any(word in argument for argument in child.cmdline()[:4])
    )


def main() -> None:
    """Import one file and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1_000)
    parser.add_argument("--pad-bytes", type=int, default=PAD_BYTES)
    arguments = parser.parse_args()
    content = file_of(arguments.megabytes * MEGABYTE, arguments.pad_bytes)
    with Stack(StackConfig(services=("accounts", "ingest"))) as stack:
        watched = {"ingest": process_of("services.ingest"), "envoy": process_of("envoy")}
        idle = {name: peak_megabytes(process) for name, process in watched.items()}
        with httpx.Client(
            base_url=stack.http_url, headers={"x-api-key": stack.api_key}, timeout=TIMEOUT_S
        ) as http:
            began = time.monotonic()
            answer = http.post("/v1/imports", params={"columns": "pad="}, content=content)
            answer.raise_for_status()
            made = answer.json()["import"]
            sent_s = time.monotonic() - began
            received = {name: peak_megabytes(process) for name, process in watched.items()}
            while made["state"] not in ENDED:
                time.sleep(POLL_S)
                made = http.get(f"/v1/imports/{made['import_id']}").json()["import"]
            took_s = time.monotonic() - began - sent_s
        rows = int(made["row_count"])
        print(f"{int(made['size_bytes']) / MEGABYTE:,.0f} MB, {rows:,} rows: {made['state']}")
        print(
            f"received in {sent_s:.1f} s, imported in {took_s:.1f} s: {rows / took_s:,.0f} rows/s"
        )
        for name, process in watched.items():
            print(
                f"{name}: peak {peak_megabytes(process):.0f} MB; {received[name]:.0f} MB until it was received, "
                f"{idle[name]:.0f} MB before"
            )


if __name__ == "__main__":
    main()
