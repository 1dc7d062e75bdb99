"""Ports that stay ours: picked, then held until the suite stops, even while a component is down.

A port found free by binding and closing can be taken by anyone before the component binds it. So the
suite keeps a bound socket that never listens: the kernel hands the port to nobody else, while the
component, which sets SO_REUSEADDR as every server does, can still bind and listen on it. Two suites
that look at the same usual port at once are told apart by a name in the abstract socket namespace,
which vanishes with its process. Outside Linux neither is available, and a port is picked and let go.
"""

from __future__ import annotations

import contextlib
import socket
import sys

from stack.errors import PortTaken

LOOPBACK = "127.0.0.1"

# Free ports are drawn this many times before giving up; a draw fails only in a race with another suite.
_DRAWS_MAX = 50


class HeldPort:
    """One TCP port on `host`, kept for this process until `release`."""

    def __init__(self, host: str, port: int, holders: list[socket.socket]) -> None:
        self.host = host
        self.port = port
        self._holders = holders

    @property
    def address(self) -> str:
        """host:port"""
        return f"{self.host}:{self.port}"

    def release(self) -> None:
        """Let the port go. Harmless when called twice."""
        while self._holders:
            self._holders.pop().close()


def hold_port(number: int = 0, *, host: str = LOOPBACK) -> HeldPort:
    """Hold exactly `number`, or any free port when it is 0.

    Raises PortTaken when that number is in use, or no free port could be found.
    """
    for _ in range(1 if number else _DRAWS_MAX):
        held = _try_hold(number, host)
        if held is not None:
            return held
    if number:
        raise PortTaken(
            f"Port {number} is in use: stop what listens there or choose another with --http-port."
        )
    raise PortTaken("No free port could be found: too many sockets are open on this machine.")


def hold_usual_port(usual: int, *, host: str = LOOPBACK) -> HeldPort:
    """Hold the `usual` port when it is free, otherwise any free one."""
    return _try_hold(usual, host) or hold_port(host=host)


def _try_hold(number: int, host: str) -> HeldPort | None:
    if sys.platform != "linux":
        return _pick(number, host)
    holder = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # With it, connections that the last run left in TIME_WAIT don't make the port look taken; whoever
    # listens there still does.
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        holder.bind((host, number))
    except OSError:
        holder.close()
        return None
    port: int = holder.getsockname()[1]
    name = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        name.bind(f"\0scoreline-port-{port}")
    except OSError:
        name.close()
        holder.close()
        return None
    return HeldPort(host, port, [holder, name])


def _pick(number: int, host: str) -> HeldPort | None:
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        try:
            probe.bind((host, number))
        except OSError:
            return None
        port: int = probe.getsockname()[1]
    return HeldPort(host, port, [])
