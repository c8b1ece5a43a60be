"""The two commands as scripts use them: JSON keys, exit status, one line on stderr."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.mailauth.signing import message, rsa_key, sign
from tests.support.dns_server import DnsServer

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _deadline(settings: Any) -> None:
    settings.DNS_DEADLINE_SECONDS = 3.0


def run(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*arguments, stdout=out)
    data: dict[str, Any] = json.loads(out.getvalue())
    return data


def script(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONUTF8": "1"}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_domain_json_has_exactly_the_documented_keys(zones_in_process: str) -> None:
    data = run(
        "check_domain",
        "Vendor.Example.",
        "--selector",
        "s1",
        "--selector",
        "s3",
        "--resolver",
        zones_in_process,
        "--json",
    )
    assert list(data) == ["domain", "dmarc", "spf", "dkim", "mx"]
    assert data["domain"] == "vendor.example"
    assert list(data["dmarc"]) == [
        "outcome",
        "record",
        "found_at",
        "policy",
        "subdomain_policy",
        "adkim",
        "aspf",
        "organizational_domain",
        "notes",
    ]
    assert data["dmarc"]["organizational_domain"] == {
        "rfc9989": "vendor.example",
        "rfc7489": "vendor.example",
    }
    assert list(data["spf"]) == ["outcome", "record", "lookups", "void_lookups", "all", "notes"]
    assert data["spf"]["lookups"] == 8
    assert [one["selector"] for one in data["dkim"]] == ["s1", "s3"]
    assert list(data["dkim"][0]) == ["selector", "outcome", "key_type", "bits", "revoked", "testing", "notes"]
    assert data["mx"] == {"outcome": "pass", "hosts": ["mx.vendor.example"]}


def test_message_json_has_exactly_the_documented_keys(server: DnsServer, tmp_path: Path) -> None:
    server.txt("_dmarc.ttu.edu", "v=DMARC1; p=reject")
    server.txt("s1._domainkey.ttu.edu", rsa_key().record)
    path = tmp_path / "sample.eml"
    path.write_bytes(sign(message()))
    data = run("check_message", str(path), "--resolver", server.address, "--json")
    assert list(data) == ["from_domain", "dkim", "dmarc_by_dkim"]
    assert list(data["dkim"][0]) == [
        "domain",
        "selector",
        "algorithm",
        "bits",
        "valid",
        "proves",
        "aligned",
        "covers",
        "body_length_tag",
        "notes",
    ]
    assert data["dkim"][0]["aligned"] == {"rfc9989": True, "rfc7489": True}
    assert (data["from_domain"], data["dmarc_by_dkim"]["outcome"]) == ("ttu.edu", "pass")


def test_the_resolver_of_the_settings_is_the_default(server: DnsServer, settings: Any) -> None:
    settings.DNS_RESOLVER = server.address
    run("check_domain", "ttu.edu", "--json")
    assert ("_dmarc.ttu.edu", "TXT") in server.asked


def test_text_for_people(zones_in_process: str) -> None:
    out = StringIO()
    call_command("check_domain", "traps.example", "--resolver", zones_in_process, stdout=out)
    assert out.getvalue().splitlines()[:2] == ["traps.example", "DMARC    fail"]


def test_a_zone_cannot_drive_the_terminal(server: DnsServer, tmp_path: Path) -> None:
    server.add("ttu.edu", "TXT", '"v=spf1 \\027[2J\\007 -all"')
    server.txt("_dmarc.ttu.edu", "v=DMARC1; p=\u202ereject")
    out = StringIO()
    call_command("check_domain", "ttu.edu", "--resolver", server.address, stdout=out)
    assert not any(char in out.getvalue() for char in "\x1b\x07\u202e")


def test_exit_0_whatever_was_found(server: DnsServer, tmp_path: Path) -> None:
    path = tmp_path / "unsigned.eml"
    path.write_bytes(message())
    found = script("check_message", str(path), "--resolver", server.address)
    assert (found.returncode, found.stderr) == (0, "")
    assert "The message has no DKIM signature." in found.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check_domain", "user@ttu.edu"], "an email address"),
        (["check_domain", "😀.com"], "an emoji"),
        (["check_domain", "ttu.edu", "--selector", "a/b"], "A selector has letters"),
        (["check_domain", "ttu.edu", "--resolver", "nonsense"], "no name server"),
        (["check_domain"], "DOMAIN"),
        (["check_message", "/nonexistent.eml"], "cannot be read"),
        (["check_message", "manage.py"], "no header field"),
    ],
)
def test_exit_2_with_one_line_for_bad_input(arguments: list[str], says: str) -> None:
    ended = script(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.eml"
    with path.open("wb") as file:
        file.truncate(40 * 1024 * 1024)
    with pytest.raises(CommandError, match=r"40\.0 MB") as refused:
        call_command("check_message", str(path))
    assert refused.value.returncode == 2


def test_the_app_needs_no_django() -> None:
    code = (
        "import sys, portal.mailauth.domain_report, portal.mailauth.message_report, portal.mailauth.reach, "
        "portal.mailauth.spf_simulation, portal.mailauth.as_json, portal.mailauth.as_text\n"
        "assert not [name for name in sys.modules if name.startswith('django')]\n"
        "assert 'checkdmarc' not in sys.modules"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
