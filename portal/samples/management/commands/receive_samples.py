"""`manage.py receive_samples --listen HOST:PORT`: take samples at the probe addresses."""

import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.samples.receiver import controller


class Command(BaseCommand):
    """Run the receiver until SIGTERM or Ctrl-C."""

    help = "Receive signed samples by SMTP or LMTP at the probe addresses of open requests."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to listen, and in which protocol."""
        parser.add_argument("--listen", required=True, metavar="HOST:PORT", help="such as 127.0.0.1:2525")
        parser.add_argument("--lmtp", action="store_true", help="speak LMTP (RFC 2033) instead of SMTP")

    def handle(self, *args: Any, **options: Any) -> None:
        """Listen, say so, wait, stop."""
        host, separator, port = options["listen"].rpartition(":")
        if not separator or not host or not port.isdecimal() or not 0 < int(port) < 65536:
            raise CommandError("--listen must have the form HOST:PORT, such as 127.0.0.1:2525.")
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        running = controller(host.strip("[]"), int(port), by_lmtp=options["lmtp"])
        try:
            running.start()
        except OSError as error:
            raise CommandError(f"Cannot listen on {options['listen']}: {error.strerror or error}.") from None
        self.stdout.write(
            f"Receiving samples by {'LMTP' if options['lmtp'] else 'SMTP'} on {options['listen']}."
        )
        self.stdout.flush()
        stop.wait()
        running.stop()
