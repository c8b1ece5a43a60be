"""Name servers as settings and commands name them: HOST:PORT, or the system's own."""

import socket
from dataclasses import dataclass
from ipaddress import ip_address

DNS_PORT = 53
_HIGHEST_PORT = 65535


class ServerRefused(ValueError):
    """The text names no name server; `str(error)` says what is wrong."""


@dataclass(frozen=True)
class Server:
    """One name server: an IP address (never a name) and a port, asked over UDP and TCP."""

    address: str
    port: int = DNS_PORT

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def parse_servers(text: str) -> tuple[Server, ...]:
    """Name servers from HOST:PORT entries separated by commas; empty text gives the system's servers.

    A host may be an IPv4 address, an IPv6 address in brackets, or a name that the system resolves now.
    Raises ServerRefused with one sentence.
    """
    entries = [entry.strip() for entry in text.split(",") if entry.strip()]
    return tuple(_parse_one(entry) for entry in entries) or system_servers()


def _parse_one(entry: str) -> Server:
    host, separator, port = entry.rpartition(":")
    if not separator or not host or not port.isdecimal() or not 0 < int(port) <= _HIGHEST_PORT:
        raise ServerRefused(f"“{entry}” is no name server: write HOST:PORT, such as 127.0.0.1:53.")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        return Server(str(ip_address(bare)), int(port))
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(bare, int(port), type=socket.SOCK_DGRAM)
    except (OSError, UnicodeError):
        raise ServerRefused(f"The name server “{bare}” has no address. Write its IP address.") from None
    return Server(str(found[0][4][0]), int(port))


def system_servers() -> tuple[Server, ...]:
    """The name servers of /etc/resolv.conf; none where the system has none."""
    import dns.resolver  # noqa: PLC0415 - slow to import, and not needed at web start

    try:
        configured = dns.resolver.Resolver()
    except dns.resolver.NoResolverConfiguration:
        return ()
    return tuple(Server(str(address), configured.port) for address in configured.nameservers)
