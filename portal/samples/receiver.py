"""The receiver of samples: live probe addresses only, bounded in size, recipients and rate (RFC 5321, RFC 2033).

It accepts mail for probe addresses only: anything not addressed to a live token gets 550 with a sentence. With LMTP each recipient gets its own reply (RFC 2033 section 4.2). Raw bytes are stored as received; a task checks them, so that no sender waits for our DNS.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import close_old_connections

from portal.lib.text import one_line
from portal.lib.throttle import Rate, seconds_to_wait
from portal.mailauth.message_intake import LARGEST_BYTES
from portal.samples import probe, selectors, services
from portal.samples.models import SignedSample

logger = logging.getLogger(__name__)
MOST_RECIPIENTS = 5
OF_ONE_CLIENT = Rate(30, 60)
OF_ONE_TOKEN = Rate(10, 60)
IDLE_SECONDS = 60.0


class Handler:
    """What aiosmtpd asks at RCPT and at the end of DATA."""

    async def handle_RCPT(  # noqa: N802 - aiosmtpd names and calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, rcpt_options: list[str]
    ) -> str:
        """Take a live token's address, and nothing else."""
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return f"452 4.5.3 At most {MOST_RECIPIENTS} recipients for one message"
        if await _in_thread(seconds_to_wait, f"probe-client:{_client(session)}", OF_ONE_CLIENT):
            return "450 4.7.1 Too many messages from your address; wait a minute"
        token = probe.token_in(address)
        if token is None or not await _in_thread(_is_live, token):
            return "550 5.1.1 Only probe addresses of requests that are open take mail here"
        if await _in_thread(seconds_to_wait, f"probe-token:{token}", OF_ONE_TOKEN):
            return "450 4.7.1 Too many messages for this probe address; wait a minute"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(  # noqa: N802 - aiosmtpd names it so
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        """Store the message for each request, then hand the judgement to a task."""
        content = envelope.content
        raw = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content or b""
        tokens = [token or "" for token in map(probe.token_in, envelope.rcpt_tos)]
        came_from = one_line(f"{_client(session)}, envelope {envelope.mail_from or '<>'}")
        try:
            said: dict[str, str] = await _in_thread(store, list(dict.fromkeys(tokens)), raw, came_from)
        except Exception:
            logger.exception("A sample could not be stored.")
            return "451 4.3.0 The message could not be stored; try again later"
        if isinstance(server, LMTP):
            return "\r\n".join(said[token] for token in tokens)
        return next((answer for answer in said.values() if answer.startswith("250")), said[tokens[0]])


def store(tokens: Iterable[str], raw: bytes, came_from: str) -> dict[str, str]:
    """Keep the message for every live token; returns the answer for each."""
    return {token: _store(token, raw, came_from) for token in tokens}


def _store(token: str, raw: bytes, came_from: str) -> str:
    service_request = selectors.live_request(token)
    if service_request is None:
        return "550 5.1.1 This request is closed"
    try:
        sample = services.receive_sample(
            service_request=service_request, raw=raw, source=SignedSample.Source.PROBE, came_from=came_from
        )
    except services.SampleRefused as problem:
        return f"550 5.7.1 {one_line(str(problem))}"
    services.judge_soon(sample=sample)
    return "250 2.0.0 Kept; its verdict shows on the request"


def _is_live(token: str) -> bool:
    return selectors.live_request(token) is not None


def _client(session: Session) -> str:
    peer: Any = session.peer
    return str(peer[0]) if isinstance(peer, tuple) else "unknown"


async def _in_thread(call: Callable[..., Any], *args: Any) -> Any:
    def fresh() -> Any:
        close_old_connections()
        try:
            return call(*args)
        finally:
            close_old_connections()

    wait: Callable[[], Awaitable[Any]] = sync_to_async(fresh, thread_sensitive=True)
    return await wait()


class OneAnswerEach(LMTP):
    """aiosmtpd's LMTP, which gives one answer after DATA, made to give each recipient one (RFC 2033 section 4.2)."""

    _owed = 0

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd names it so
        """Take the message; while it is taken, a single answer stands for every recipient."""
        self._owed = len(self.envelope.rcpt_tos) if self.envelope and not arg else 0
        try:
            await super().smtp_DATA(arg)
        finally:
            self._owed = 0

    async def push(self, status: Any) -> None:
        """Answer; the handler's own answers, one in each line, go out as they are."""
        text = status.decode() if isinstance(status, bytes) else str(status)
        if self._owed > 1 and not text.startswith("354") and "\r\n" not in text:
            text = "\r\n".join([text] * self._owed)
        await super().push(text)


class LmtpController(Controller):
    """The same receiver, for mail hosts that hand over by LMTP."""

    def factory(self) -> SMTP:
        """One connection's protocol."""
        return OneAnswerEach(self.handler, **self.SMTP_kwargs)


def controller(host: str, port: int, *, handler: Handler | None = None, by_lmtp: bool = False) -> Controller:
    """A receiver for HOST and PORT; `start()` and `stop()` run it in a thread of its own."""
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd tells of every command
    kind = LmtpController if by_lmtp else Controller
    return kind(
        handler or Handler(),
        hostname=host,
        port=port,
        server_hostname=settings.PROBE_MAILBOX.rpartition("@")[2],
        data_size_limit=LARGEST_BYTES,
        timeout=IDLE_SECONDS,
        ident="probe",
        enable_SMTPUTF8=True,
    )
