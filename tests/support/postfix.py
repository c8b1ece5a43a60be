"""A real Postfix in a folder of its own, on loopback, delivering nothing (default_transport=discard:)."""

import contextlib
import os
import pwd
import re
import shutil
import smtplib
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port

DEADLINE_SECONDS = 60

POLICY_FRAGMENT = """\
smtpd_relay_restrictions =
    check_policy_service {{ inet:127.0.0.1:{port}, timeout=5s, policy_context=relay,
        {{ default_action = 451 4.3.5 policy service unavailable }} }},
    reject_unauth_destination
smtpd_data_restrictions =
    check_policy_service {{ inet:127.0.0.1:{port}, timeout=5s, policy_context=relay,
        {{ default_action = 451 4.3.5 policy service unavailable }} }}
"""
"""The lines that docs/policy-service.md gives."""

MILTER_FRAGMENT = """\
techmail_milter = {{ inet:127.0.0.1:{port}, connect_timeout=5s, command_timeout=30s, content_timeout=90s,
    default_action=tempfail }}
smtpd_milters = $techmail_milter
non_smtpd_milters = $techmail_milter
milter_protocol = 6
"""
"""The lines that docs/policy-service.md and the exported fragment give for the milter."""


@dataclass
class Reply:
    """What the server said of one message: the code and text of the first refusal, or of the end."""

    code: int
    text: str


class PostfixServer:
    """Start, configure, ask, stop."""

    def __init__(self, folder: Path, postfix: str) -> None:
        self.folder, self.postfix, self.port = folder, postfix, free_port()
        self.config = folder / "etc"
        self._configured = 0
        self.published = folder / "portal"

    def start(self, fragment: str = "") -> None:
        """Write the configuration and start."""
        self.folder.chmod(0o755)
        for parent in self.folder.parents:
            if str(parent) != "/" and parent.stat().st_uid == os.getuid():
                parent.chmod(parent.stat().st_mode | 0o011)
        self.config.mkdir()
        for name in ("spool", "data"):
            (self.folder / name).mkdir()
        owner = pwd.getpwnam("postfix")
        os.chown(self.folder / "data", owner.pw_uid, owner.pw_gid)
        self.configure(fragment)
        (self.config / "master.cf").write_text(self._master())
        self._run("start")
        self._wait()

    def configure(self, fragment: str) -> None:
        """Put the portal's fragment into main.cf."""
        self._configured += 1
        main = [
            "compatibility_level = 3.6",
            f"queue_directory = {self.folder}/spool",
            f"data_directory = {self.folder}/data",
            "command_directory = /usr/sbin",
            "daemon_directory = /usr/lib/postfix/sbin",
            "mail_owner = postfix",
            "setgid_group = postdrop",
            "inet_interfaces = 127.0.0.1",
            "inet_protocols = ipv4",
            "myhostname = relay.test",
            "mydestination =",
            "mynetworks =",
            "local_recipient_maps =",
            "alias_maps =",
            "alias_database =",
            "default_transport = discard:",
            "relay_transport = discard:",
            "local_transport = discard:",
            f"smtpd_banner = $myhostname ESMTP {self._configured}",
            "smtpd_peername_lookup = no",
            "smtpd_recipient_restrictions =",
            f"maillog_file = {self.folder}/maillog",
            f"maillog_file_prefixes = {self.folder}, /var, /dev/stdout",
        ]
        (self.config / "main.cf").write_text("\n".join(main) + "\n" + fragment)

    def _master(self) -> str:
        services = [
            f"127.0.0.1:{self.port} inet n - n - - smtpd",
            "cleanup unix n - n - 0 cleanup",
            "qmgr unix n - n 300 1 qmgr",
            "rewrite unix - - n - - trivial-rewrite",
            "bounce unix - - n - 0 bounce",
            "defer unix - - n - 0 bounce",
            "trace unix - - n - 0 bounce",
            "verify unix - - n - 1 verify",
            "discard unix - - n - - discard",
            "smtp unix - - n - - smtp",
            "proxymap unix - - n - - proxymap",
            "anvil unix - - n - 1 anvil",
            "postlog unix-dgram n - n - 1 postlogd",
            "error unix - - n - - error",
            "retry unix - - n - - error",
        ]
        return "\n".join(services) + "\n"

    def install(self, published: Path) -> None:
        """Take what the portal published: maps in place, fragment into main.cf, reload."""
        target = self.published / "postfix"
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(published / "postfix", target)
        self.configure((target / "main.cf").read_text())
        self.reload()

    def reload(self) -> None:
        """Let it read what `configure` wrote; returns once it answers by that."""
        self._run("reload")
        self._wait()

    def ask_policy(
        self, port: int | None, deliver_to: int | None = None, milter: int | None = None, more: str = ""
    ) -> None:
        """Ask the policy service on `port` for every relay attempt (docs/policy-service.md), and reload.

        `milter` is the port of the milter; `deliver_to` that of an SMTP server on loopback that gets the mail in
        place of nobody; `more` are further lines of main.cf.
        """
        lines = [
            POLICY_FRAGMENT.format(port=port) if port else "",
            MILTER_FRAGMENT.format(port=milter) if milter else "",
            f"default_transport = smtp:[127.0.0.1]:{deliver_to}\n" if deliver_to else "",
            more,
        ]
        self.configure("".join(lines))
        self.reload()

    def send(
        self, client: str, sender: str, recipient: str | Sequence[str], message: bytes | None = None
    ) -> Reply:
        """Send one message from `client`, a loopback address; the reply that settled it.

        `message` goes out as it is, byte for byte (dots at the start of lines doubled).
        """
        recipients = [recipient] if isinstance(recipient, str) else list(recipient)
        with smtplib.SMTP("127.0.0.1", self.port, timeout=60, source_address=(client, 0)) as smtp:
            smtp.ehlo("client.test")
            code, text = smtp.mail(sender)
            for one in recipients:
                if code == 250:
                    code, text = smtp.rcpt(one)
            if code == 250:
                code, text = smtp.docmd("DATA")
            if code == 354:
                if message is None:
                    shown = f"From: {sender}\r\nTo: {recipients[0]}\r\nSubject: Test\r\n\r\nHello\r\n"
                    message = shown.encode()
                smtp.send(re.sub(rb"(?m)^\.", b"..", message) + b".\r\n")
                code, text = smtp.getreply()
            return Reply(code, text.decode())

    def stop(self) -> None:
        """Stop; no process stays."""
        subprocess.run([self.postfix, "-c", self.config, "stop"], capture_output=True, check=False)

    def _run(self, verb: str) -> None:
        done = subprocess.run(
            [self.postfix, "-c", self.config, verb], capture_output=True, text=True, check=False
        )
        if done.returncode:
            log = self.folder / "maillog"
            raise RuntimeError(f"postfix {verb}: {done.stderr} {log.read_text() if log.exists() else ''}")

    def _wait(self) -> None:
        """Wait for a greeting of the newest configuration: older processes were told to end before it came."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, smtplib.SMTPException), smtplib.SMTP(timeout=10) as smtp:
                _, greeting = smtp.connect("127.0.0.1", self.port)
                if greeting.endswith(b" %d" % self._configured):
                    return
            time.sleep(0.02)
        raise RuntimeError("Postfix did not answer by its newest configuration.")
