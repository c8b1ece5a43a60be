"""What is published holds at a real rspamd: credit for the granted sender whose mail passes DMARC by DKIM, or none."""

import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import program
from tests.support.dns_server import DnsServer
from tests.support.ports import free_port
from tests.whitelist.signing import signed
from whitelist import exports

GOLDEN = Path(__file__).parent / "golden" / "rspamd"
ALLOWED = {"TECHMAIL_ALLOW_ADDR", "TECHMAIL_ALLOW_DOMAIN"}
START_SECONDS = 60


class Rspamd:
    """A real rspamd on loopback with the exported rules, DKIM, SPF and DMARC, and nothing else."""

    def __init__(self, folder: Path, names: DnsServer) -> None:
        self.folder, self.names, self.port = folder, names, free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def configure(self) -> Path:
        """Write the configuration; returns its path."""
        for name in (exports.ADDRESSES, exports.DOMAINS):
            shutil.copy(GOLDEN / name, self.folder / name)
        conf = (GOLDEN / exports.RSPAMD_CONF).read_text()
        (self.folder / "multimap.conf").write_text(conf.replace("/etc/portal/rspamd", str(self.folder)))
        # Where organizational domains end; the list that comes with rspamd does not know .example.
        (self.folder / "suffixes").write_text("com\nexample\n")
        path = self.folder / "rspamd.conf"
        path.write_text(CONFIGURATION.format(folder=self.folder, dns=self.names.port, port=self.port))
        return path

    def start(self) -> None:
        """Start and wait until it answers."""
        path = self.configure()
        command = [program("rspamd", "apt-get install rspamd"), "-f", "--insecure", "-c", str(path)]
        log = (self.folder / "out.log").open("wb")
        self.process = subprocess.Popen(
            command, stdout=log, stderr=log, env=os.environ | {"DBDIR": str(self.folder)}
        )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                self.symbols(b"From: a@b.example\r\nSubject: x\r\n\r\nx\r\n")
            except OSError:
                time.sleep(0.3)
            else:
                return
        raise RuntimeError((self.folder / "out.log").read_text()[-3000:])

    def scan(self, raw: bytes) -> dict[str, Any]:
        """What rspamd says of a message."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/checkv2", raw, {"IP": "203.0.113.9", "Helo": "mx.vendor.example"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def symbols(self, raw: bytes) -> dict[str, float]:
        """The symbols with their scores."""
        return {name: symbol["score"] for name, symbol in self.scan(raw)["symbols"].items()}

    def stop(self) -> None:
        """Stop; no process stays."""
        if self.process:
            self.process.terminate()
            self.process.wait(20)


CONFIGURATION = """\
options {{
  filters = "dkim,spf";
  pidfile = "{folder}/rspamd.pid";
  control_socket = "{folder}/control.sock mode=0600";
  hs_cache_dir = "{folder}";
  local_addrs = [];
  url_tld = "{folder}/suffixes";
  dns {{ nameserver = ["127.0.0.1:{dns}"]; timeout = 2s; retransmits = 2; }}
}}
logging {{ type = "console"; level = "notice"; }}
actions {{ reject = 15; add_header = 6; greylist = 4; }}
lua = "$RULESDIR/rspamd.lua";
modules {{ path = "$PLUGINSDIR"; }}
dkim {{ }}
spf {{ }}
dmarc {{ }}
multimap {{ .include "{folder}/multimap.conf" }}
worker "normal" {{ bind_socket = "127.0.0.1:{port}"; count = 1; }}
"""


@pytest.fixture
def rspamd(names: DnsServer) -> Iterator[Rspamd]:
    for domain in ("vendor.example", "other.example"):
        names.remove(f"_dmarc.{domain}", "TXT")
        names.txt(f"_dmarc.{domain}", "v=DMARC1; p=reject")
        names.txt(domain, "v=spf1 ip4:203.0.113.9 -all")
    with tempfile.TemporaryDirectory(prefix="techmail-rspamd-") as folder:
        server = Rspamd(Path(folder), names)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def credit(found: dict[str, float]) -> set[str]:
    return ALLOWED & set(found)


def test_only_the_granted_sender_with_an_aligned_signature_gets_credit(
    rspamd: Rspamd, names: DnsServer
) -> None:
    # A selector each: rspamd keeps the keys that it has seen.
    cases: tuple[tuple[str, str, set[str]], ...] = (
        ("notices@vendor.example", "vendor.example", {"TECHMAIL_ALLOW_ADDR"}),
        ("NOTICES@Vendor.Example", "vendor.example", {"TECHMAIL_ALLOW_ADDR"}),
        ("notices@vendor.example", "platform.example", set()),
        ("other@vendor.example", "vendor.example", set()),
        ("orders@mail.vendor.example", "vendor.example", {"TECHMAIL_ALLOW_ADDR"}),
        ("anyone@other.example", "other.example", {"TECHMAIL_ALLOW_DOMAIN"}),
        ("anyone@sub.other.example", "sub.other.example", set()),
    )
    for number, (sender, by, expected) in enumerate(cases):
        found = rspamd.symbols(signed(names, sender=sender, by=by, selector=f"c{number}"))
        assert credit(found) == expected, (sender, by, sorted(found))
        if expected:
            assert "DMARC_POLICY_ALLOW" in found
            assert "R_DKIM_ALLOW" in found
            assert found[expected.pop()] in (-6.0, -4.0)
    whole = signed(names, sender="notices@vendor.example", by="vendor.example", selector="whole")
    unsigned = b"From:" + whole.split(b"\r\nFrom:", 1)[1]
    assert "R_DKIM_NA" in rspamd.symbols(unsigned)
    assert credit(rspamd.symbols(unsigned)) == set()
    assert credit(rspamd.symbols(whole + b"and more\r\n")) == set()
    assert credit(rspamd.symbols(whole)) == {"TECHMAIL_ALLOW_ADDR"}


def test_its_own_reader_takes_the_rules_and_refuses_broken_ones(names: DnsServer, tmp_path: Path) -> None:
    rspamadm = program("rspamadm", "apt-get install rspamd")
    server = Rspamd(tmp_path, names)
    path = server.configure()
    assert (
        subprocess.run([rspamadm, "configtest", "-c", path], capture_output=True, check=False).returncode == 0
    )
    rules = tmp_path / "multimap.conf"
    rules.write_text(rules.read_text().replace("}", ""))
    assert (
        subprocess.run([rspamadm, "configtest", "-c", path], capture_output=True, check=False).returncode != 0
    )
