"""Where the command listens, and what it says where it cannot."""

import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from portal.configuration import ConfigurationError
from portal.policy_service.running import Place, parse_place
from tests.support.policy import database_url, request


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("127.0.0.1:10031", Place(host="127.0.0.1", port=10031)),
        ("[::1]:10031", Place(host="::1", port=10031)),
        ("unix:/run/techmail/policy", Place(path=Path("/run/techmail/policy"))),
    ],
)
def test_places(text: str, place: Place) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize("text", ["", "10031", ":10031", "host:", "host:0", "host:65536", "host:x", "unix:"])
def test_what_is_no_place_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"127\.0\.0\.1:10031"):
        parse_place(text)


def test_the_command_says_what_is_wrong() -> None:
    with pytest.raises(CommandError, match="--listen has the form"):
        call_command("policy_service", listen="nowhere")


@pytest.mark.django_db(transaction=True)
def test_it_answers_on_a_unix_socket_and_takes_it_away_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "policy"
    process = subprocess.Popen(
        [sys.executable, "manage.py", "policy_service", "--listen", f"unix:{path}", "--socket-mode", "600"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings", "DATABASE_URL": database_url()},
        cwd=settings.BASE_DIR,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline, said = time.monotonic() + 30, b""
        while not said and time.monotonic() < deadline:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(5)
                try:
                    client.connect(str(path))
                    client.sendall(request(client_address="203.0.113.9"))
                    said = client.recv(1000)
                except OSError:
                    time.sleep(0.1)
        assert said == b"action=DUNNO\n\n"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        process.terminate()
        assert process.wait(timeout=60) == 0
        assert not path.exists()
    finally:
        process.kill()
        process.wait()
