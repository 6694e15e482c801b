"""Whose address a request comes from."""

from ipaddress import ip_network

import pytest

from service.app.addresses import client_address

PROXIES = [ip_network("127.0.0.0/8"), ip_network("2001:db8::/32")]


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "address"),
    [
        ("192.0.2.1", "203.0.113.7", "192.0.2.1"),
        ("127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "198.51.100.9, 203.0.113.7", "203.0.113.7"),
        # An IPv4 client of a listener for both families.
        ("::ffff:192.0.2.1", "", "192.0.2.1"),
        ("::ffff:127.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "::FFFF:203.0.113.7", "203.0.113.7"),
        ("127.0.0.1", "203.0.113.7, ::ffff:127.0.0.1", "203.0.113.7"),
        ("2001:db8::1", "2001:db9::1", "2001:db9::1"),
        ("::1", "", "::1"),
        ("", "203.0.113.7", ""),
        ("127.0.0.1", "nonsense", "127.0.0.1"),
    ],
)
def test_the_client_is_whoever_the_last_trusted_proxy_saw(peer: str, forwarded_for: str, address: str) -> None:
    assert client_address(peer, forwarded_for, PROXIES) == address


def test_without_proxies_an_ipv4_client_is_itself_too() -> None:
    assert client_address("::ffff:192.0.2.1", "203.0.113.7", ()) == "192.0.2.1"
