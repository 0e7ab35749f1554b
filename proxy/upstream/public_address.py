"""Tells public IP addresses from those of the network that the sidecar is in, whichever form they are written in."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_NAT64 = IPv6Network("64:ff9b::/96")
"""What stands for IPv4 addresses where a network has IPv6 only (RFC 6052)."""
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_OF_CLOUDS = (IPv4Network("168.63.129.16/32"), IPv4Network("192.0.0.0/24"))
"""Addresses that lead to the host of a virtual machine: Azure's, which is public by its number, and Oracle's."""


def is_public(text: str) -> bool:
    """Whether an address is one of the internet's: not private, local, shared, reserved, of a group or of a cloud's metadata."""
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return False
    if isinstance(address, IPv6Address):
        inner = _embedded(address)
        if inner is None:
            return address in _GLOBAL_UNICAST and address.is_global and not address.is_multicast
        address = inner
    is_special = address.is_multicast or address.is_reserved or any(address in network for network in _OF_CLOUDS)
    return address.is_global and not is_special


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that packets to an IPv6 address go to in the end, or None."""
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
