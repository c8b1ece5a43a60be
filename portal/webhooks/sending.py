"""One POST to an endpoint: to a checked address, by verified TLS, within a deadline, following nothing.

The HTTP is httpcore2's; `CheckedNetwork` is its network. There the name becomes an address, the address is
checked, and that address is connected to, while TLS still asks for and verifies the name. The same place holds
the deadline of the whole try: httpcore2's own time-outs begin anew at each read, so that an endpoint which sends
a byte now and then would never meet one.
"""

import ssl
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import httpcore2
from django.conf import settings

from portal.institution import institution
from portal.lib.text import one_line, storable, truncate
from portal.webhooks.addresses import (
    Address,
    DnsSilent,
    Target,
    UrlRefused,
    addresses_of,
    is_allowed,
    parse_url,
)

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 15.0
ANSWER_SECONDS = 2.0
"""How long the body may take once the status is there."""
MOST_ANSWER_BYTES = 16 * 1024
KEPT_CHARACTERS = 500
_NETWORK_ERRORS = (
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    httpcore2.ProtocolError,
    httpcore2.UnsupportedProtocol,
    OSError,
)


class NotSent(Exception):
    """Nothing went out; `str(error)` says why."""


@dataclass(frozen=True)
class Result:
    """What came of one try."""

    status: int | None
    """The HTTP status; None where none came."""
    words: str
    """The beginning of what came back, or why nothing did."""

    @property
    def is_delivered(self) -> bool:
        """Whether the endpoint took it (2xx)."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """Whether the endpoint wants nothing any more (410)."""
        return self.status == 410


def post(url: str, headers: Mapping[str, str], body: bytes) -> Result:
    """POST `body` to `url`; returns the result, whatever it is. Takes at most TOTAL_SECONDS."""
    deadline = Deadline(TOTAL_SECONDS)
    try:
        return _exchange(parse_url(url), headers, body, deadline)
    except (NotSent, UrlRefused) as error:
        return Result(None, _kept(str(error)))
    except ssl.SSLError as error:
        return Result(None, _kept(f"TLS: {error}"))
    except httpcore2.TimeoutException:
        return Result(None, f"No answer came within {TOTAL_SECONDS:g} seconds.")
    except _NETWORK_ERRORS as error:
        return Result(None, _kept(str(error) or type(error).__name__))


def _exchange(target: Target, headers: Mapping[str, str], body: bytes, deadline: "Deadline") -> Result:
    url = httpcore2.URL(
        scheme=target.scheme.encode(),
        host=target.host.encode(),
        port=target.port,
        target=target.path.encode(),
    )
    sent: list[tuple[bytes | str, bytes | str]] = [
        *headers.items(),
        ("content-type", "application/json"),
        ("accept-encoding", "identity"),
        ("connection", "close"),
        ("user-agent", f"{institution().product.replace(' ', '-')}-Webhooks/1"),
    ]
    # A pool of its own for each try: no connection is kept whose address was checked some time ago.
    with (
        httpcore2.ConnectionPool(
            ssl_context=_tls(settings.WEBHOOK_CA_FILE), network_backend=CheckedNetwork(target, deadline)
        ) as pool,
        pool.stream("POST", url, headers=sent, content=body) as response,
    ):
        return Result(response.status, _answer(response, deadline))


def _answer(response: httpcore2.Response, deadline: "Deadline") -> str:
    """The beginning of the body. What goes wrong here is no failure: the status came before."""
    deadline.shorten(ANSWER_SECONDS)
    read = b""
    with suppress(*_NETWORK_ERRORS):
        for chunk in response.iter_stream():
            read += chunk
            if len(read) >= MOST_ANSWER_BYTES:
                break
    words = _kept(read[:MOST_ANSWER_BYTES].decode(errors="replace"))
    return words or ("A redirect. None is followed." if 300 <= response.status < 400 else "")


def _kept(text: str) -> str:
    return truncate(one_line(storable(text)), KEPT_CHARACTERS)


@lru_cache(maxsize=2)
def _tls(ca_file: str) -> ssl.SSLContext:
    """The system's certification authorities, and those of `ca_file` where one is named."""
    context = ssl.create_default_context()
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


class Deadline:
    """The end of one try, from now on in seconds."""

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds

    def shorten(self, seconds: float) -> None:
        """End at the latest in `seconds`."""
        self._ends_at = min(self._ends_at, time.monotonic() + seconds)

    def left(self, most: float = TOTAL_SECONDS) -> float:
        """The seconds left, `most` at the most. Raises httpcore2.ReadTimeout where none are."""
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout
        return min(left, most)


class CheckedNetwork(httpcore2.NetworkBackend):
    """Connects to checked addresses of one target, and to nothing else."""

    def __init__(self, target: Target, deadline: Deadline) -> None:
        self._target = target
        self._deadline = deadline
        self._plain = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first of the host's allowed addresses that answers. Raises NotSent or a network error."""
        error: Exception = NotSent("No address.")
        for address in self._addresses():
            seconds = self._deadline.left(CONNECT_SECONDS)
            try:
                stream = self._plain.connect_tcp(str(address), port, seconds, None, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as failed:
                error = NotSent(f"{address} port {port}: {failed or 'no connection in time'}")
                continue
            return _InTime(stream, self._deadline)
        raise error

    def _addresses(self) -> list[Address]:
        try:
            found = addresses_of(self._target)
        except DnsSilent as error:
            raise NotSent(f"The DNS gave no answer: {error}") from None
        if not found:
            raise NotSent(f"The DNS has no address for {self._target.host}.")
        allowed = [address for address in found if is_allowed(address)]
        if not allowed:
            raise NotSent(f"{self._target.host} leads to {found[0]}, where nothing may be sent.")
        return allowed


class _InTime(httpcore2.NetworkStream):
    """A stream whose every step ends with the whole try."""

    def __init__(self, stream: httpcore2.NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read within what is left."""
        return self._stream.read(max_bytes, self._deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write within what is left."""
        self._stream.write(buffer, self._deadline.left())

    def close(self) -> None:
        """Close the connection."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        """Agree on TLS within what is left; the certificate is verified for `server_hostname`."""
        stream = self._stream.start_tls(ssl_context, server_hostname, self._deadline.left())
        return _InTime(stream, self._deadline)

    def get_extra_info(self, info: str) -> object:
        """What the connection knows of itself."""
        return self._stream.get_extra_info(info)
