"""Which hosts are reached without a proxy: this machine, and those of ``NO_PROXY``. Pure."""

import ipaddress
import re
from typing import TypeAlias

_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_loopback(host: str) -> bool:
    """Returns True if a host, without brackets, is this machine, which no proxy can reach."""
    address = _address(host)
    if address is not None:
        return address.is_loopback or address.is_unspecified
    name = _plain(host)
    return name == "localhost" or name.endswith(".localhost")  # RFC 6761, section 6.3


def is_exempt(host: str, port: int, no_proxy: str) -> bool:
    """Returns True if ``NO_PROXY`` names a host, by curl's rules.

    The value is a list, with commas or blanks between its entries. An entry is a name, which stands
    for its subdomains too and may begin with a dot; an IP address; or a network such as
    ``10.0.0.0/8``. A value of just ``*`` exempts every host. Beyond curl's rules an entry may end
    in ``:port``, and an IPv6 address may be in brackets.
    """
    if no_proxy.strip() == "*":
        return True
    return any(_matches(entry, host, port) for entry in re.split(r"[\s,]+", no_proxy) if entry)


def _matches(entry: str, host: str, port: int) -> bool:
    name, entry_port = _split_port(entry)
    if entry_port is not None and entry_port != port:
        return False
    address = _address(host)
    if address is not None:
        try:
            network = ipaddress.ip_network(name, strict=False)
        except ValueError:
            return False
        return address in network
    domain = _plain(name).removeprefix(".")
    wanted = _plain(host)
    return bool(domain) and (wanted == domain or wanted.endswith(f".{domain}"))


def _split_port(entry: str) -> tuple[str, int | None]:
    """An entry without its brackets and its port, and the port."""
    found = re.fullmatch(r"\[([^\]]*)\](?::(\d+))?|([^:]*):(\d+)", entry)
    if found is None:
        return entry, None
    port = found[2] or found[4]
    return found[1] or found[3] or "", None if port is None else int(port)


def _plain(name: str) -> str:
    return name.lower().rstrip(".")


def _address(host: str) -> _Address | None:
    """The address that a host is written as; IPv4 if it is an IPv4 address within IPv6."""
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
