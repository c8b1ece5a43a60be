"""What is published holds at a real SpamAssassin: the sender's own signature counts, nobody else's."""

import subprocess
from pathlib import Path

import pytest

from portal.enforcement.targets import LintError
from tests.conftest import lacking, program
from tests.support.dns_server import DnsServer
from tests.whitelist.signing import signed
from whitelist.exports import SPAMASSASSIN_CONF, SpamAssassin

GOLDEN = Path(__file__).parent / "golden" / "spamassassin" / SPAMASSASSIN_CONF


@pytest.fixture(scope="module")
def spamassassin() -> str:
    """The installed program; without Mail::DKIM it would verify nothing, so that is asked for as well."""
    found = program("spamassassin", "apt-get install spamassassin libmail-dkim-perl")
    loaded = subprocess.run([program("perl", "apt-get install perl"), "-MMail::DKIM", "-e1"], check=False)
    if loaded.returncode:
        message = "Mail::DKIM is not installed. Install it: apt-get install libmail-dkim-perl"
        lacking(message)
    return found


def is_welcome(spamassassin: str, folder: Path, names: DnsServer, raw: bytes) -> bool:
    conf = folder / "live.cf"
    conf.write_text(f"{GOLDEN.read_text()}\ndns_available yes\ndns_server {names.address}\n")
    done = subprocess.run(
        [spamassassin, "-t", f"--cf=include {conf}", "-x"],
        input=raw,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert b"DKIM_VALID" in done.stdout, done.stderr.decode()
    return b"USER_IN_DKIM_WELCOMELIST" in done.stdout or b"USER_IN_DKIM_WHITELIST" in done.stdout


@pytest.mark.parametrize(
    "case",
    [
        ("notices@vendor.example", "vendor.example", True),
        ("NOTICES@Vendor.Example", "vendor.example", True),
        ("notices@vendor.example", "platform.example", False),
        ("other@vendor.example", "vendor.example", False),
        ("orders@mail.vendor.example", "mail.vendor.example", True),
        ("orders@mail.vendor.example", "vendor.example", True),
        ("anyone@other.example", "other.example", True),
        ("anyone@sub.other.example", "sub.other.example", False),
        ("anyone@notother.example", "notother.example", False),
    ],
)
def test_only_the_granted_sender_with_its_own_signature_is_welcome(
    spamassassin: str, tmp_path: Path, names: DnsServer, case: tuple[str, str, bool]
) -> None:
    sender, by, welcome = case
    raw = signed(names, sender=sender, by=by)
    assert is_welcome(spamassassin, tmp_path, names, raw) is welcome


def test_its_own_reader_takes_the_golden_file_and_refuses_a_broken_one(
    spamassassin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / SPAMASSASSIN_CONF).write_text(GOLDEN.read_text())
    SpamAssassin().lint(tmp_path)
    monkeypatch.setattr("whitelist.exports.lint_spamassassin", lambda text: None)
    (tmp_path / SPAMASSASSIN_CONF).write_text("welcomelist_from_dkim\n")
    with pytest.raises(LintError, match="spamassassin: "):
        SpamAssassin().lint(tmp_path)
