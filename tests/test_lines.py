"""Connections to the whole service as a real process: over TLS, and while it ends."""

import signal
import socket
import ssl
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path

import pytest

from tests.process.running import SECONDS_MAX
from tests.real_service import RealService

WELL_AFTER_THE_DRAIN_SECONDS = 1.5
"""It takes half a second here."""
TLS = Path(__file__).parent / "process" / "tls"
PING = "/api/v1/inbound_webhooks/ping/first"
LEAD = b'{"zip": "10001"}'
ASKED = b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (PING.encode(), len(LEAD), LEAD)


def answer(line: socket.socket) -> HTTPResponse:
    """The next answer, its body not read yet."""
    found = HTTPResponse(line)
    found.begin()
    return found


def by_lane(told: HTTPResponse) -> bool:
    """aiohttp gives its name."""
    return told.headers["Server"] is None


def test_over_tls_leads_are_answered_by_the_lane_and_all_else_on_the_same_line(tmp_path: Path) -> None:
    with RealService(tmp_path, "--tls-cert", str(TLS / "cert.pem"), "--tls-key", str(TLS / "key.pem")) as service:
        port = int(service.wait_for(r"listening on https://.*:(\d+) ")[1])
        trusting = ssl.create_default_context(cafile=TLS / "cert.pem")
        line = HTTPSConnection("localhost", port, context=trusting, timeout=SECONDS_MAX)
        told = []
        for body, chunks in ((LEAD, False), (b" " * 65_000 + LEAD, False), (LEAD, True), (LEAD, False)):
            # http.client sends head and body apart, so that these come in two pieces.
            line.request("POST", PING, iter([body]) if chunks else body, encode_chunked=chunks)
            said = line.getresponse()
            told.append((said.status, b'"success":true' in said.read(), by_lane(said)))
        line.close()
        with trusting.wrap_socket(socket.create_connection(("localhost", port)), server_hostname="localhost") as raw:
            raw.settimeout(SECONDS_MAX)
            raw.sendall(ASKED * 3)
            received = b""
            while received.count(b'"success":true') < 3:
                received += raw.recv(65_536)
    # The chunks, and what comes behind them, are aiohttp's.
    assert told == [(200, True, True), (200, True, True), (200, True, False), (200, True, False)]
    assert [line for line in service.log if "ERROR" in line or "Traceback" in line] == []


def test_sigterm_awaits_the_half_of_a_body_and_closes_idle_lines(tmp_path: Path) -> None:
    with RealService(tmp_path) as service:
        address = "127.0.0.1", service.ready().ports[0]
        half, idle, used = (socket.create_connection(address, SECONDS_MAX) for _ in range(3))
        with half, idle, used:
            used.sendall(ASKED)
            assert answer(used).read()
            half.sendall(ASKED[:-4])
            service.signal(signal.SIGTERM)
            idle.settimeout(WELL_AFTER_THE_DRAIN_SECONDS)
            with pytest.raises(TimeoutError):  # the end, which would close this line, waits for the half
                idle.recv(1)
            half.sendall(ASKED[-4:])
            told = answer(half)
            assert (told.status, told.headers["Connection"]) == (200, "close")
            assert b'"success":true' in told.read()
            idle.settimeout(SECONDS_MAX)
            assert (idle.recv(1), used.recv(1)) == (b"", b"")
        assert service.ended() == 0
        assert [line for line in service.said() if "ERROR" in line or "Traceback" in line] == []
