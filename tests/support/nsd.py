"""NSD, a real authoritative name server (Debian package nsd), on a free port of loopback with the repository's zones.

    with Nsd(program("nsd", "apt-get install nsd"), folder, ZONES.glob("*.zone")) as server:
        server.publish("ttu.edu", 's1._domainkey.crm TXT "v=DKIM1; ..."')
        server.address      # "127.0.0.1:40123"

It serves copies, so that a test may publish more. Several files of one name, from several folders, are one zone:
the later ones leave out their own SOA and NS.
"""

import re
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from tests.support.ports import free_port

START_SECONDS = 60.0
_SERIAL = re.compile(r"(SOA \S+ \S+ )(\d+)")


class Nsd:
    """One server; use it as a context manager."""

    def __init__(self, program: str, folder: Path, zones: Iterable[Path]) -> None:
        self.program, self.folder, self.port = program, folder, free_port()
        self.zones: dict[str, Path] = {}
        for path in zones:
            self._take(path)

    def _take(self, path: Path) -> None:
        copy = self.zones.setdefault(path.stem, self.folder / f"{path.stem}.zone")
        lines = path.read_text().splitlines(keepends=True)
        if copy.exists():
            lines = [line for line in lines if not re.match(r"\$|@ SOA |@ NS |ns A ", line)]
        with copy.open("a") as opened:
            opened.writelines(lines)

    @property
    def address(self) -> str:
        """HOST:PORT, as the settings and the commands take it."""
        return f"127.0.0.1:{self.port}"

    # ------------------------------------------------------------ running
    def __enter__(self) -> Self:
        (self.folder / "nsd.conf").write_text(self._conf())
        self._log = (self.folder / "nsd.log").open("wb")
        command = [self.program, "-d", "-c", str(self.folder / "nsd.conf")]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        try:
            for zone in self.zones:
                self._wait_for(zone, 0)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    # ------------------------------------------------------------ publishing
    def publish(self, zone: str, *lines: str) -> None:
        """Add lines to the zone with its next serial, and wait until they are served."""
        path = self.zones[zone]
        text = path.read_text() + "".join(f"{line}\n" for line in lines)
        found = _SERIAL.search(text)
        assert found, f"{path} has no SOA in one line"
        serial = int(found[2]) + 1
        path.write_text(_SERIAL.sub(rf"\g<1>{serial}", text, count=1))
        self._process.send_signal(signal.SIGHUP)
        self._wait_for(zone, serial)

    def txt(self, zone: str, owner: str, text: str) -> None:
        """Publish one TXT record, split into strings of 255 bytes (RFC 7208 section 3.3)."""
        parts = " ".join(f'"{text[start : start + 255]}"' for start in range(0, len(text), 255))
        self.publish(zone, f"{owner} TXT {parts}")

    def _wait_for(self, zone: str, serial: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process.poll() is None and self._serial(zone) >= serial:
                return
            time.sleep(0.05)
        raise RuntimeError(
            f"NSD does not serve {zone}: {(self.folder / 'nsd.log').read_text(errors='replace')[-500:]}"
        )

    def _serial(self, zone: str) -> int:
        query = dns.message.make_query(zone, "SOA")
        try:
            answer = dns.query.udp(query, "127.0.0.1", port=self.port, timeout=0.5)
        except (OSError, dns.exception.DNSException):
            return -1
        found = answer.get_rrset(
            answer.answer, query.question[0].name, query.question[0].rdclass, dns.rdatatype.SOA
        )
        return int(found[0].serial) if found else -1

    def _conf(self) -> str:
        served = "\n".join(
            f'zone:\n  name: "{name}"\n  zonefile: "{path}"' for name, path in self.zones.items()
        )
        # Its rate limit would drop answers to a test that asks a lot from one address.
        return f"""
server:
  ip-address: 127.0.0.1
  port: {self.port}
  server-count: 1
  username: ""
  database: ""
  zonesdir: "{self.folder}"
  zonefiles-check: yes
  pidfile: "{self.folder}/nsd.pid"
  xfrdfile: "{self.folder}/xfrd.state"
  zonelistfile: "{self.folder}/zone.list"
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
{served}
"""
