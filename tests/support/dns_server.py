"""An authoritative DNS server inside the test process: UDP and TCP on one loopback port, with knobs.

    with DnsServer() as server:
        server.add("example.edu", "TXT", '"v=spf1 -all"')
        server.load(Path("tests/mailauth/zones/vendor.zone"), origin="vendor.example")
        server.servfail("broken.example.edu")
        ...
        server.address        # "127.0.0.1:40123"
        server.asked          # [("example.edu", "TXT"), ...]

Knobs: `delay` (seconds before every answer), `servfail`, `refuse` and `drop` (per name), `truncate` (answer
UDP with TC alone). Wildcards, empty non-terminals and CNAME chains within the data are answered as in RFC
1034 section 4.3.2; a chain that loops is answered with the links once round, as real servers do.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.zone

LONGEST_CHAIN = 20
_Key = tuple[dns.name.Name, dns.rdatatype.RdataType]


class DnsServer:
    """One server on 127.0.0.1 and a port of the system's choice; use it as a context manager."""

    def __init__(self, *, delay: float = 0.0) -> None:
        self.delay = delay
        self.asked: list[tuple[str, str]] = []
        self.transports: list[str] = []
        self._sets: dict[_Key, dns.rrset.RRset] = {}
        self._names: set[dns.name.Name] = set()
        self._rcodes: dict[dns.name.Name, dns.rcode.Rcode] = {}
        self._dropped: set[dns.name.Name] = set()
        self._truncated: set[dns.name.Name] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    # ------------------------------------------------------------ what it serves
    def add(self, name: str, rdtype: str, *values: str, ttl: int = 60) -> None:
        """Serve `values` (in zone file form; TXT with its quotes) at `name`, beside what is there."""
        owner = dns.name.from_text(name)
        rrset = dns.rrset.from_text_list(owner, ttl, "IN", rdtype, values)
        known = self._sets.setdefault(
            (owner, rrset.rdtype), dns.rrset.RRset(owner, rrset.rdclass, rrset.rdtype)
        )
        for rdata in rrset:
            known.add(rdata, ttl)
        self._remember(owner)

    def txt(self, name: str, text: str) -> None:
        """Serve one TXT record, split into strings of 255 bytes as RFC 7208 section 3.3 has it."""
        raw = text.encode()
        parts = [raw[start : start + 255] for start in range(0, len(raw), 255)] or [b""]
        self.add(name, "TXT", " ".join(f'"{_escaped(part)}"' for part in parts))

    def remove(self, name: str, rdtype: str) -> None:
        """Serve nothing of this type at `name` any longer; the name itself goes on existing."""
        self._sets.pop((dns.name.from_text(name), dns.rdatatype.from_text(rdtype)), None)

    def load(self, path: Path, origin: str) -> None:
        """Serve a zone file as well."""
        zone = dns.zone.from_file(str(path), origin=origin, relativize=False, check_origin=False)
        for owner, ttl, rdata in zone.iterate_rdatas():
            known = self._sets.setdefault(
                (owner, rdata.rdtype), dns.rrset.RRset(owner, rdata.rdclass, rdata.rdtype)
            )
            known.add(rdata, ttl)
            self._remember(owner)

    def _remember(self, owner: dns.name.Name) -> None:
        while owner != dns.name.root and owner not in self._names:
            self._names.add(owner)
            owner = owner.parent()

    # ------------------------------------------------------------ knobs
    def servfail(self, name: str) -> None:
        """Answer SERVFAIL to whatever is asked about `name`."""
        self._rcodes[dns.name.from_text(name)] = dns.rcode.SERVFAIL

    def refuse(self, name: str) -> None:
        """Answer REFUSED to whatever is asked about `name`."""
        self._rcodes[dns.name.from_text(name)] = dns.rcode.REFUSED

    def drop(self, name: str) -> None:
        """Never answer what is asked about `name`."""
        self._dropped.add(dns.name.from_text(name))

    def truncate(self, name: str) -> None:
        """Answer over UDP with the TC flag and no records, so that the client comes back over TCP."""
        self._truncated.add(dns.name.from_text(name))

    def heal(self, name: str) -> None:
        """Take back every knob set for `name`."""
        owner = dns.name.from_text(name)
        self._rcodes.pop(owner, None)
        self._dropped.discard(owner)
        self._truncated.discard(owner)

    # ------------------------------------------------------------ running
    @property
    def address(self) -> str:
        """HOST:PORT, as the settings and the commands take it."""
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(timeout=10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _open(self) -> None:
        for _ in range(50):  # the TCP port the system gives may be taken on UDP
            self._tcp = await asyncio.start_server(self._serve_tcp, "127.0.0.1", 0)
            self.port = self._tcp.sockets[0].getsockname()[1]
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
            try:
                udp.bind(("127.0.0.1", self.port))
            except OSError:
                udp.close()
                self._tcp.close()
                continue
            self._udp, _ = await self._loop.create_datagram_endpoint(
                lambda: _Datagrams(self._serve_udp), sock=udp
            )
            return
        raise RuntimeError("no port is free on both UDP and TCP")

    async def _close(self) -> None:
        self._udp.close()
        self._tcp.close()
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()

    def _serve_udp(self, wire: bytes, reply: Callable[[bytes], None]) -> None:
        answer = self._answer(wire, "udp")
        if answer is None:
            return
        if self.delay:
            self._loop.call_later(self.delay, reply, answer)
        else:
            reply(answer)

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                wire = await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
                answer = self._answer(wire, "tcp")
                if answer is None:
                    continue
                if self.delay:
                    await asyncio.sleep(self.delay)
                writer.write(len(answer).to_bytes(2, "big") + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()

    # ------------------------------------------------------------ answering
    def _answer(self, wire: bytes, transport: str) -> bytes | None:
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        question = query.question[0]
        self.asked.append(
            (question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype))
        )
        self.transports.append(transport)
        if question.name in self._dropped:
            return None
        response = dns.message.make_response(query, recursion_available=True)
        response.flags |= dns.flags.AA
        if question.name in self._rcodes:
            response.set_rcode(self._rcodes[question.name])
        else:
            self._fill(response, question.name, question.rdtype)
        size = max(512, query.payload) if transport == "udp" else 65535
        if transport == "udp" and question.name in self._truncated:
            return _truncated(query)
        try:
            return response.to_wire(max_size=size)
        except dns.exception.TooBig:
            return _truncated(query)

    def _fill(
        self, response: dns.message.Message, name: dns.name.Name, rdtype: dns.rdatatype.RdataType
    ) -> None:
        for _ in range(LONGEST_CHAIN):
            owner = self._owner(name)
            if owner is None:
                response.set_rcode(dns.rcode.NXDOMAIN)
                return
            found = self._sets.get((owner, rdtype))
            if found is not None:
                response.answer.append(_renamed(found, name))
                return
            alias = self._sets.get((owner, dns.rdatatype.CNAME))
            if alias is None:
                return
            link = _renamed(alias, name)
            if link in response.answer:
                return
            response.answer.append(link)
            name = alias[0].target

    def _owner(self, name: dns.name.Name) -> dns.name.Name | None:
        """The name itself, or the wildcard that stands for it; None where neither exists."""
        if name in self._names:
            return name
        parent = name
        while parent != dns.name.root:
            parent = parent.parent()
            wildcard = dns.name.Name((b"*", *parent.labels)) if len(parent) < 127 else None
            if wildcard in self._names:
                return wildcard
            if parent in self._names:
                return None
        return None


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, serve: Callable[[bytes, Callable[[bytes], None]], None]) -> None:
        self._serve = serve

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # asyncio's own datagram transport does not inherit from DatagramTransport before Python 3.12.
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._serve(data, lambda answer: self._transport.sendto(answer, addr))


def _renamed(rrset: dns.rrset.RRset, name: dns.name.Name) -> dns.rrset.RRset:
    return rrset if rrset.name == name else dns.rrset.from_rdata_list(name, rrset.ttl, list(rrset))


def _truncated(query: dns.message.Message) -> bytes:
    response = dns.message.make_response(query)
    response.flags |= dns.flags.TC
    return response.to_wire()


def _escaped(part: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 and byte not in b'"\\' else f"\\{byte:03d}" for byte in part)
