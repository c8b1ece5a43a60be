"""A milter of this process in a thread, and mail servers that speak to it: miltertest's codec, and raw packets."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from miltertest import MilterConnection, codec, constants

from portal.policy_service.answering import Answering
from portal.policy_service.client import Limits
from portal.policy_service.gatekeeping import Gatekeeper
from portal.policy_service.server import PolicyServer

MACROS_OF_MAIL = constants.SMFIC_MAIL


class Milter:
    """A milter that serves in a thread until the end of the `with`."""

    def __init__(
        self,
        answering: Answering,
        limits: Limits | None = None,
        keeper: Callable[[], Gatekeeper] | None = None,
    ) -> None:
        self.answering, self._limits, self._keeper = answering, limits or Limits(), keeper
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        self.server = PolicyServer(answering=self.answering, limits=self._limits, batch_seconds=600)
        if self._keeper is not None:
            self.server.keeper = self._keeper()
        listener = await self._loop.create_server(self.server.milter, "127.0.0.1", 0)
        policy = await self._loop.create_server(self.server.client, "127.0.0.1", 0)
        self.port = listener.sockets[0].getsockname()[1]
        self.policy_port = policy.sockets[0].getsockname()[1]
        sweep = asyncio.create_task(self.server.sweep())
        self._ready.set()
        await self._stopping.wait()
        sweep.cancel()
        listener.close()
        policy.close()
        for client in list(self.server.clients):
            client.end(at_once=True)
        await asyncio.sleep(0)
        self.server.keeper.close()

    def __enter__(self) -> "Milter":
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(60)
        assert not self._thread.is_alive()


class MailServer(MilterConnection):
    """One connection to a milter, as Postfix makes it."""

    def __init__(self, port: int, timeout: float = 60.0) -> None:
        super().__init__(socket.create_connection(("127.0.0.1", port), timeout=timeout))

    def __enter__(self) -> "MailServer":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.sock.close()

    def raw(self, command: bytes, data: bytes = b"") -> None:
        """Send a packet as it is."""
        self.sock.sendall(struct.pack("!Lc", len(data) + 1, command) + data)

    def say(self, command: str, unless: int = 0, **fields: Any) -> None:
        """Send a command; take its reply where one was agreed on."""
        self._send(command, **fields)
        if not self.protocol_flags & unless:
            reply = self.recv()
            assert reply[0] == constants.SMFIR_CONTINUE, reply

    def begin(
        self, client: str, sender: str, recipients: Sequence[str] = (), *, port: int = 40000, auth: str = ""
    ) -> None:
        """Negotiate, connect, and say the envelope."""
        if self.protocol_flags is None:
            self.optneg_mta()
        self._send(constants.SMFIC_MACRO, cmdcode=constants.SMFIC_CONNECT, nameval=["j", "relay.test"])
        family = constants.SMFIA_INET6 if ":" in client else constants.SMFIA_INET
        self.say(
            constants.SMFIC_CONNECT,
            constants.SMFIP_NR_CONN,
            hostname="client.test",
            family=family,
            port=port,
            address=client,
        )
        self.envelope(sender, recipients, auth=auth)

    def envelope(self, sender: str, recipients: Sequence[str] = (), *, auth: str = "") -> None:
        """Say the envelope of one message."""
        macros = ["{auth_type}", auth] if auth else []
        self._send(constants.SMFIC_MACRO, cmdcode=constants.SMFIC_MAIL, nameval=["i", "4Abc", *macros])
        self.say(constants.SMFIC_MAIL, constants.SMFIP_NR_MAIL, args=[f"<{sender}>", "SIZE=100"])
        if not self.protocol_flags & constants.SMFIP_NORCPT:
            for recipient in recipients:
                self.say(constants.SMFIC_RCPT, constants.SMFIP_NR_RCPT, args=[f"<{recipient}>"])

    def header(self, *fields: tuple[str, str | bytes]) -> tuple[str, dict[str, Any]]:
        """Send the header; the reply at its end."""
        for name, value in fields:
            raw = value if isinstance(value, bytes) else value.encode()
            self.raw(b"L", name.encode() + b"\0" + raw + b"\0")
            if not self.protocol_flags & constants.SMFIP_NR_HDR:
                assert self.recv()[0] == constants.SMFIR_CONTINUE
        return self.send_get(constants.SMFIC_EOH)

    def body(self, data: bytes) -> str:
        """Send a piece of the body; the command of the reply."""
        self.raw(b"B", data)
        return str(self.recv()[0])

    def ending(self) -> list[tuple[str, dict[str, Any]]]:
        """Send the end of the message; all replies."""
        return list(self.send_eom())

    def is_closed(self) -> bool:
        """Whether the milter has closed the connection (waits for it)."""
        try:
            return self._recv(eof_ok=True) is None
        except ConnectionError:
            return True
        except (codec.MilterDecodeError, TimeoutError):
            return False


def verdict(client: str, port: int, sender: str, *fields: tuple[str, str | bytes], auth: str = "") -> str:
    """What is said at the end of the header of one message: the SMTP reply, or the command of the reply."""
    with MailServer(port) as server:
        server.begin(client, sender, auth=auth)
        command, data = server.header(*fields)
        return (
            data["smtpcode"] + data["space"] + data["text"]
            if command == constants.SMFIR_REPLYCODE
            else command
        )
