"""What a mail host asks of the portal: who may, what comes, what does not, and how trouble is said."""

import base64
import gzip
import io
import json
import tarfile
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from portal.enforcement import releasing, signing
from portal.enforcement.models import HostToken, Release, ReleaseChunk
from portal.enforcement.tokens import make_token
from portal.lib.problems import NotAllowed
from tests.cast import Cast, approved, client_of
from tests.enforcement.pulling import KEY, bearer, post_receipt, token_for

pytestmark = pytest.mark.django_db
URL = "/export/v1/postfix"


@pytest.fixture(autouse=True)
def key(settings: Any) -> None:
    settings.EXPORT_SIGNING_KEY = KEY


def members(answer: Any) -> dict[str, bytes]:
    raw = b"".join(answer.streaming_content)
    assert len(raw) == int(answer["Content-Length"])
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(raw))) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar.getmembers()}  # type: ignore[union-attr]


def test_a_host_gets_the_signed_files_and_nothing_twice(cast: Cast, client: Client) -> None:
    grant = approved(cast)
    releasing.release()
    token = token_for(cast)
    answer = client.get(URL, headers=bearer(token))
    assert answer.status_code == 200
    found = members(answer)
    key = load_pem_public_key(signing.public_pem().encode())
    key.verify(found["manifest.json.sig"], found["manifest.json"])  # type: ignore[union-attr, call-arg]
    with pytest.raises(InvalidSignature):
        key.verify(found["manifest.json.sig"], found["manifest.json"] + b" ")  # type: ignore[union-attr, call-arg]
    manifest = json.loads(found["manifest.json"])
    assert manifest["grants"] == [grant.reference]
    assert manifest["entries"][0]["ends_on"] == grant.ends_on.isoformat()
    assert manifest["key_id"] == signing.key_id()
    assert f"serial={manifest['serial']}".encode() in found["files/relay_clients.cidr"]
    again = client.get(URL, headers={**bearer(token), "if-none-match": answer["ETag"]})
    assert again.status_code == 304
    assert again.content == b""


def test_the_same_grants_make_no_second_release_and_a_new_key_does(cast: Cast, settings: Any) -> None:
    approved(cast)
    assert "postfix" in {row.target for row in releasing.release().released}
    assert releasing.release().released == []
    settings.EXPORT_SIGNING_KEY = KEY[::-1]
    assert "postfix" in {row.target for row in releasing.release().released}
    serials = Release.objects.filter(target="postfix").order_by("serial").values_list("serial", flat=True)
    assert serials[1] == serials[0] + 1


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer tmh_wrong", "Basic dTpw", "Bearer " + "x" * 9000])
def test_who_has_no_token_gets_401_as_problem_json(client: Client, db: None, header: str) -> None:
    answer = client.get(URL, headers={"authorization": header})
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["status"] == 401


def test_a_token_opens_its_targets_until_it_ends(cast: Cast, client: Client) -> None:
    approved(cast)
    releasing.release()
    token = token_for(cast, "postfix", days=10)
    assert client.get("/export/v1/rspamd", headers=bearer(token)).status_code == 403
    assert client.get("/export/v1/nothing", headers=bearer(token)).status_code == 404
    assert client.post(URL, headers=bearer(token)).status_code == 405
    with time_machine.travel(timezone.now() + timedelta(days=11), tick=True):
        assert client.get(URL, headers=bearer(token)).status_code == 401
    row = HostToken.objects.get()
    revoked = client_of(cast.admin).post(f"/enforcement/tokens/{row.pk}/revoke/")
    assert revoked.status_code == 302
    assert client.get(URL, headers=bearer(token)).status_code == 401
    assert client_of(cast.admin).post(f"/enforcement/tokens/{row.pk}/revoke/").status_code == 409


def test_nothing_released_is_404(cast: Cast, client: Client) -> None:
    assert client.get(URL, headers=bearer(token_for(cast))).status_code == 404


def test_a_token_is_shown_once_and_never_kept(cast: Cast) -> None:
    browser = client_of(cast.admin)
    made = browser.post(
        "/enforcement/tokens/", {"host": "Relay1.ttu.edu", "targets": ["postfix"], "days": 30}
    )
    token = made.content.decode().split("<code>tmh_")[1].split("</code>")[0]
    row = HostToken.objects.get()
    assert row.host == "relay1.ttu.edu"
    assert f"tmh_{token}" not in str(HostToken.objects.values())
    assert f"tmh_{token}" not in browser.get("/enforcement/tokens/").content.decode()
    assert "no-store" in made["Cache-Control"]
    wrongs: tuple[dict[str, object], ...] = (
        {"host": "a b"},
        {"targets": []},
        {"days": 0},
        {"days": 9999},
        {"targets": ["nothing"]},
    )
    for wrong in wrongs:
        body = {"host": "a.ttu.edu", "targets": ["postfix"], "days": 30} | wrong
        assert browser.post("/enforcement/tokens/", body).status_code == 422
    with pytest.raises(NotAllowed):
        make_token(actor=cast.reviewer, host="a", targets=["postfix"], days=1)


def test_who_guesses_is_slowed_and_keeps_no_host_out(cast: Cast, client: Client) -> None:
    approved(cast)
    releasing.release()
    token = token_for(cast)
    codes = [client.get(URL, headers=bearer(f"tmh_{n}")).status_code for n in range(22)]
    assert codes == [401] * 20 + [429] * 2
    assert client.get(URL, headers=bearer(token)).status_code == 200


def test_old_archives_go_and_their_releases_stay(cast: Cast, settings: Any) -> None:
    approved(cast)
    for number in range(5):
        settings.EXPORT_SIGNING_KEY = bytes([number]) * 32
        releasing.release()
    assert Release.objects.filter(target="postfix").count() == 5
    kept = ReleaseChunk.objects.filter(release__target="postfix").values("release").distinct().count()
    assert kept == releasing.KEPT_ARCHIVES


def test_without_a_key_nothing_is_released(settings: Any, db: None) -> None:
    settings.EXPORT_SIGNING_KEY = None
    with pytest.raises(CommandError, match="EXPORT_SIGNING_KEY"):
        call_command("release")


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, 201),
        ({"host": "other.ttu.edu"}, 403),
        ({"target": "rspamd"}, 403),
        ({"serial": 1}, 422),
        ({"sha256": "0" * 64}, 422),
        ({"sha256": "x"}, 422),
        ({"serial": "many"}, 422),
        ({"serial": None}, 422),
        ({"serial": [1]}, 422),
        ({"applied_at": "2999-01-01T00:00:00Z"}, 422),
        ({"applied_at": "yesterday"}, 422),
        ({"differing": "a line"}, 422),
        ({"differing": [1]}, 422),
        ({"differing": ["x" * 300] * 300}, 413),
        ({"lint": "broken\x00\ud800"}, 201),
    ],
)
def test_a_receipt_is_checked(cast: Cast, client: Client, facts: dict[str, Any], status: int) -> None:
    approved(cast)
    releasing.release()
    newest = releasing.latest_release("postfix")
    assert newest is not None
    answer = post_receipt(client, token_for(cast), newest, **facts)
    assert answer.status_code == status, answer.content
    if status >= 400:
        assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 50_000, b'"x"'])
def test_a_body_that_is_no_receipt_is_refused(cast: Cast, client: Client, body: bytes) -> None:
    answer = client.post(
        f"{URL}/receipts", body, content_type="application/json", headers=bearer(token_for(cast))
    )
    assert answer.status_code == 422


def test_the_key_commands_agree(capsys: pytest.CaptureFixture[str], settings: Any) -> None:
    call_command("export_key")
    assert capsys.readouterr().out.strip() == signing.public_pem().strip()
    call_command("export_key", "--id")
    assert capsys.readouterr().out.strip() == signing.key_id_of(signing.public_pem())
    call_command("export_key", "--new")
    fresh = base64.b64decode(capsys.readouterr().out)
    assert signing.public_pem(fresh) != signing.public_pem()
    Ed25519PrivateKey.from_private_bytes(fresh)
