"""How long `make up` takes on a checkout that is set up, with an empty data directory: until everything is healthy and
the edge says so."""

import re
import subprocess
import sys
import time
import urllib.request

from bench.run import Run, Samples

KEYS = ("start_s",)


def measure(run: Run) -> Samples:
    """Seconds."""
    for _ in run.repeat("start"):
        yield "start_s", start_s()


def start_s() -> float:
    """From the command to the answer. Raises RuntimeError when there is none."""
    command = [sys.executable, "-m", "stack", "up", "--temporary"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                # All of what it prints comes when all is healthy; the edge is asked all the same.
                if found := re.search(r"http://\S+", line):
                    with urllib.request.urlopen(f"{found[0]}/readyz") as answer:  # noqa: S310 - our own
                        answer.read()
                    return time.perf_counter() - began
            raise RuntimeError("the suite ended instead of starting")
        finally:
            process.terminate()
            process.stdout.read()
