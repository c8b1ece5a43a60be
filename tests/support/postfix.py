"""A real Postfix in a folder of its own, on loopback, delivering nothing (default_transport=discard:)."""

import os
import pwd
import shutil
import smtplib
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port

DEADLINE_SECONDS = 20

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
        self._run("reload")
        time.sleep(0.4)

    def ask_policy(self, port: int, deliver_to: int | None = None) -> None:
        """Ask the policy service on `port` for every relay attempt (docs/policy-service.md), and reload.

        `deliver_to` is the port of an SMTP server on loopback that gets the mail in place of nobody.
        """
        delivery = f"default_transport = smtp:[127.0.0.1]:{deliver_to}\n" if deliver_to else ""
        self.configure(POLICY_FRAGMENT.format(port=port) + delivery)
        self._run("reload")
        time.sleep(0.4)

    def send(self, client: str, sender: str, recipient: str) -> Reply:
        """Send one message from `client`, a loopback address; the reply that settled it."""
        with smtplib.SMTP("127.0.0.1", self.port, timeout=10, source_address=(client, 0)) as smtp:
            smtp.ehlo("client.test")
            code, text = smtp.mail(sender)
            if code == 250:
                code, text = smtp.rcpt(recipient)
            if code == 250:
                message = f"From: {sender}\r\nTo: {recipient}\r\nSubject: Test\r\n\r\nHello\r\n"
                try:
                    code, text = smtp.data(message)
                except smtplib.SMTPDataError as refusal:
                    code, answer = refusal.smtp_code, refusal.smtp_error
                    text = answer if isinstance(answer, bytes) else answer.encode()
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
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            try:
                smtplib.SMTP("127.0.0.1", self.port, timeout=2).quit()
            except (OSError, smtplib.SMTPException):
                time.sleep(0.1)
            else:
                return
        raise RuntimeError("Postfix did not answer.")
