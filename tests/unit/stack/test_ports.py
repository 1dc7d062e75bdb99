"""Ports stay held for the suite that picked them, and its components can still listen on them."""

import socket
import subprocess
import sys

import pytest

from stack.errors import PortTaken
from stack.ports import LOOPBACK, hold_port, hold_usual_port

LISTEN_AS_A_SERVER_DOES = """
import socket, sys
server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen()
"""

HOLD = """
import sys
from stack.errors import PortTaken
from stack.ports import hold_port
try:
    hold_port(int(sys.argv[1]))
except PortTaken:
    sys.exit(3)
"""


def test_a_held_port_is_refused_to_others_while_nobody_listens_on_it() -> None:
    held = hold_port()
    with pytest.raises(PortTaken, match=str(held.port)):
        hold_port(held.port)
    with socket.socket() as stranger, pytest.raises(OSError, match="in use"):
        stranger.bind((LOOPBACK, held.port))
    held.release()


def test_another_process_sees_it_held() -> None:
    held = hold_port()
    code = subprocess.run([sys.executable, "-c", HOLD, str(held.port)], check=False).returncode
    held.release()
    assert code == 3


def test_a_component_can_listen_on_it() -> None:
    held = hold_port()
    subprocess.run([sys.executable, "-c", LISTEN_AS_A_SERVER_DOES, str(held.port)], check=True)
    held.release()


def test_a_released_port_can_be_held_again() -> None:
    held = hold_port()
    held.release()
    held.release()
    again = hold_port(held.port)
    assert again.port == held.port
    again.release()


def test_a_port_somebody_listens_on_is_taken_even_when_they_reuse_addresses() -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((LOOPBACK, 0))
        server.listen()
        port: int = server.getsockname()[1]
        with pytest.raises(PortTaken):
            hold_port(port)
        fallback = hold_usual_port(port)
        assert fallback.port != port
        fallback.release()


def test_connections_left_over_from_the_last_run_do_not_make_it_taken() -> None:
    held = hold_port()
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind((LOOPBACK, held.port))
        server.listen()
        client = socket.create_connection((LOOPBACK, held.port))
        connection, _ = server.accept()
        # The side that closes first keeps the port in TIME_WAIT.
        connection.close()
        client.close()
    held.release()
    again = hold_usual_port(held.port)
    assert again.port == held.port
    again.release()


def test_many_draws_never_give_a_port_twice() -> None:
    held = [hold_port() for _ in range(50)]
    assert len({one.port for one in held}) == len(held)
    for one in held:
        one.release()
