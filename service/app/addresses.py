"""Whose address a request comes from, through the proxies that the operator trusts and no others."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address

HOPS_MAX = 20
"""Entries of X-Forwarded-For that are read, from the right: no honest chain is longer."""

Network = IPv4Network | IPv6Network


def client_scheme(scheme: str, peer: str, forwarded_proto: str, trusted_proxies: Sequence[Network]) -> str:
    """The scheme a client used: what a trusted proxy says of it, else that of the connection."""
    said = forwarded_proto.strip().lower()
    return said if said in ("http", "https") and _is_one_of(_unmapped(peer), trusted_proxies) else scheme


def client_address(peer: str, forwarded_for: str, trusted_proxies: Sequence[Network]) -> str:
    """The rightmost address that is no trusted proxy's: whatever stands left of it anybody may have written.

    `peer` is the connection's own address, `forwarded_for` the header, "" where there is none. Without trusted proxies
    the header means nothing. An IPv4 client of a listener for both comes as `::ffff:192.0.2.1`, and is 192.0.2.1 here
    as it is in everybody's lists.
    """
    peer = _unmapped(peer)
    if not trusted_proxies or not _is_one_of(peer, trusted_proxies):
        return peer
    address = peer
    for hop in reversed(forwarded_for.split(",")[-HOPS_MAX:]):
        hop = hop.strip()
        if not _is_address(hop):
            return address
        hop = address = _unmapped(hop)
        if not _is_one_of(hop, trusted_proxies):
            return address
    return address


def _unmapped(address: str) -> str:
    """An IPv4 address that is written as an IPv6 one, as itself; anything else as it is."""
    if ":" not in address or not _is_address(address):
        return address
    parsed = ip_address(address)
    return str(parsed.ipv4_mapped or address) if isinstance(parsed, IPv6Address) else address


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_one_of(address: str, networks: Sequence[Network]) -> bool:
    return _is_address(address) and any(ip_address(address) in network for network in networks)
