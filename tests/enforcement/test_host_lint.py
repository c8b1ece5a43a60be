"""The host's script asks the mail system's own readers, and takes no for an answer."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import program
from tests.enforcement.pulled import script

WHITELIST = Path(__file__).parents[1] / "whitelist" / "golden"
POSTFIX = Path(__file__).parent / "golden"


@pytest.mark.parametrize(
    ("target", "reader", "golden", "name", "broken"),
    [
        ("postfix", "postmap", POSTFIX, "relay_clients.cidr", "not a network\tOK\n"),
        ("rspamd", "rspamadm", WHITELIST / "rspamd", "multimap.conf", "} broken {{{"),
        (
            "spamassassin",
            "spamassassin",
            WHITELIST / "spamassassin",
            "techmail_welcomelist.cf",
            "welcomelist_from_dkim\n",
        ),
    ],
)
def test_a_real_reader_takes_the_golden_files_and_refuses_a_broken_one(
    tmp_path: Path, *, target: str, reader: str, golden: Path, name: str, broken: str
) -> None:
    program(reader, f"apt-get install {target}")
    for path in golden.iterdir():
        text = path.read_text().replace("/etc/portal/rspamd", str(tmp_path))
        (tmp_path / path.name).write_text(text)
    script().lint(target, tmp_path, "")
    with (tmp_path / name).open("a") as file:
        file.write(broken)
    with pytest.raises(script().Refused):
        script().lint(target, tmp_path, "")


def test_without_a_reader_nothing_goes_live(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(POSTFIX / "relay_clients.cidr", tmp_path)
    monkeypatch.setattr("shutil.which", lambda *args, **kwargs: None)
    for target in ("postfix", "rspamd", "unknown"):
        with pytest.raises(script().Refused):
            script().lint(target, tmp_path, "")
    with pytest.raises(script().Refused, match="openssl"):
        script().verify(b"message", b"signature", tmp_path)
