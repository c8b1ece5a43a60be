"""Single sign-on for real: a provider and the portal in processes of their own, switched on by environment alone.

The provider is 127.0.0.1 and the portal localhost: two hosts to a browser, since cookies ignore ports.
"""

import base64
import os
import re
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, build_opener

import pytest
from django.conf import settings

from tests.support.identity_provider import CLIENT_ID, CLIENT_SECRET, EMAIL, PASSWORD, SAML_ENTITY_ID
from tests.support.ports import free_port

DEADLINE_SECONDS = 90
SERVE = """
import sys
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from portal.accounts.models import User
for name in ("jo", "admin", "vp.tech", "closed"):
    User.objects.create_user(f"{name}@ttu.edu", "a-local-password", name=f"Local {name}", is_active=name != "closed")
User.objects.get(email="admin@ttu.edu").groups.add(Group.objects.get_or_create(name="administrator")[0])
User.objects.get(email="jo@ttu.edu").groups.add(Group.objects.get_or_create(name="auditor")[0])
SocialAccount.objects.create(user=User.objects.get(email="vp.tech@ttu.edu"), provider="oidc", uid="somebody-before")
from portal.wsgi import application
from wsgiref.simple_server import make_server
from tests.support.identity_provider import Quiet, Server
make_server("127.0.0.1", int(sys.argv[1]), application, Server, Quiet).serve_forever()
"""


@dataclass(frozen=True)
class Sites:
    """The addresses of both."""

    portal: str
    provider: str


def started(words: list[str], extra: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, *words], cwd=settings.BASE_DIR, env={**kept, **extra}, stdout=out, stderr=out
        )


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            build_opener().open(url, timeout=5).close()
        except HTTPError:
            return
        except URLError:
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"{url} does not answer: {log.read_text()[-2000:]}")


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    folder = tmp_path_factory.mktemp("sign-on")
    provider_port, portal_port = free_port(), free_port()
    found = Sites(f"http://localhost:{portal_port}", f"http://127.0.0.1:{provider_port}")
    callback = f"{found.portal}/accounts/oidc/oidc/login/callback/"
    provider = started(
        ["-m", "tests.support.identity_provider", str(provider_port), callback, str(folder)],
        {},
        folder / "provider.log",
    )
    portal = started(
        ["-c", SERVE, str(portal_port)],
        {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "SECRET_KEY": "a-test-only-value-0123456789" * 3,
            "DEBUG": "true",
            "PUBLIC_URL": found.portal,
            "VAR_DIR": str(folder),
            "OIDC_SERVER_URL": found.provider,
            "OIDC_CLIENT_ID": CLIENT_ID,
            "OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "OIDC_NAME": "eRaider",
            "SSO_ONLY": "true",
            "MFA_FOR_DECIDERS": "true",
            "SAML_METADATA_URL": f"{found.provider}/saml/metadata",
            "SAML_ENTITY_ID": SAML_ENTITY_ID,
            "SAML_NAME": "Shibboleth",
        },
        folder / "portal.log",
    )
    try:
        wait_for(f"{found.provider}/.well-known/openid-configuration", provider, folder / "provider.log")
        wait_for(f"{found.portal}/healthz", portal, folder / "portal.log")
        yield found
    finally:
        for process in (provider, portal):
            process.kill()
            process.wait()


class Visitor:
    """A browser without scripts: it keeps cookies, follows redirects and sends forms."""

    def __init__(self) -> None:
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))
        self.url, self.page = "", ""

    def get(self, url: str) -> "Visitor":
        return self._open(url, None)

    def post(self, url: str, **fields: str) -> "Visitor":
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', self.page)
        assert found, self.page[:500]
        return self._open(url, urlencode({"csrfmiddlewaretoken": found.group(1), **fields}).encode())

    def _open(self, url: str, data: bytes | None) -> "Visitor":
        try:
            answer = self._opener.open(url, data, timeout=30)
        except HTTPError as error:
            if error.code != 403:
                raise
            answer = error
        with answer:
            self.url, self.page = answer.url, answer.read().decode()
        return self


def test_sign_on_makes_the_account_and_no_password_is_asked_here(sites: Sites) -> None:
    visitor = Visitor().get(f"{sites.portal}/queue/")
    assert visitor.url.startswith(f"{sites.portal}/accounts/login/")
    assert "eRaider" in visitor.page
    assert 'type="password"' not in visitor.page

    visitor.post(f"{sites.portal}/accounts/oidc/oidc/login/")
    assert visitor.url.startswith(f"{sites.provider}/accounts/login/")
    visitor.post(visitor.url, login=EMAIL, password=PASSWORD)
    assert visitor.url == f"{sites.portal}/"
    assert "Riley Ortega" in visitor.page

    settings_page = visitor.get(f"{sites.portal}/settings/").page
    assert EMAIL in settings_page


def test_a_second_sign_on_is_the_same_person(sites: Sites) -> None:
    for _ in range(2):
        visitor = Visitor().get(f"{sites.portal}/accounts/login/")
        visitor.post(f"{sites.portal}/accounts/oidc/oidc/login/")
        visitor.post(visitor.url, login=EMAIL, password=PASSWORD)
        assert "Riley Ortega" in visitor.page


def test_saml_leads_to_the_providers_sign_in_with_a_request_of_ours(sites: Sites) -> None:
    visitor = Visitor().get(f"{sites.portal}/accounts/login/")
    assert "Shibboleth" in visitor.page
    with pytest.raises(HTTPError) as refused:  # our provider speaks no SAML: what counts is what reached it
        visitor.post(f"{sites.portal}/accounts/saml/saml/login/")
    assert refused.value.code == 404
    reached = urlsplit(refused.value.url)
    assert f"{reached.scheme}://{reached.netloc}{reached.path}" == f"{sites.provider}/saml/sign-in"
    request = zlib.decompress(base64.b64decode(parse_qs(reached.query)["SAMLRequest"][0]), -15).decode()
    assert f"{sites.portal}/accounts/saml/saml/acs/" in request
    assert "AuthnRequest" in request


def signed_on(sites: Sites, name: str) -> Visitor:
    """A visitor who came back from the provider as `name`."""
    visitor = Visitor().get(f"{sites.portal}/accounts/login/")
    visitor.post(f"{sites.portal}/accounts/oidc/oidc/login/")
    return visitor.post(visitor.url, login=name, password=PASSWORD)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("mallory", "did not verify it"),
        ("nobody", "did not verify it"),
        ("guest", "People sign in here with an address at ttu.edu"),
        ("kelvin", "People sign in here with an address at ttu.edu"),
        ("vera", "belongs to an account that another person"),
    ],
)
def test_without_a_verified_address_of_its_own_there_is_a_page_that_says_whom_to_call(
    sites: Sites, name: str, sentence: str
) -> None:
    visitor = signed_on(sites, name)
    assert sentence in " ".join(visitor.page.split())
    assert "techmail@ttu.edu" in visitor.page
    assert "<input" not in visitor.page
    assert visitor.get(f"{sites.portal}/queue/").url.startswith(f"{sites.portal}/accounts/login/")
    page = visitor.get(f"{sites.portal}/accounts/3rdparty/signup/").page
    assert 'name="email"' not in page
    assert "There is no form to sign up" in page


def test_a_verified_address_joins_the_account_that_has_it(sites: Sites) -> None:
    for _ in range(2):
        visitor = signed_on(sites, "jo")
        assert visitor.url == f"{sites.portal}/"
        settings_page = visitor.get(f"{sites.portal}/settings/").page
        assert "Local jo" in settings_page
        assert "Auditor" in settings_page


def test_the_address_is_known_in_any_case_of_letters(sites: Sites) -> None:
    assert "sam@ttu.edu" in signed_on(sites, "sam").get(f"{sites.portal}/settings/").page


def test_a_closed_account_stays_closed(sites: Sites) -> None:
    visitor = signed_on(sites, "closed")
    assert "/accounts/inactive/" in visitor.url
    assert visitor.get(f"{sites.portal}/queue/").url.startswith(f"{sites.portal}/accounts/login/")


def test_nobody_joins_another_sign_on_to_their_account(sites: Sites) -> None:
    visitor = signed_on(sites, "jo")
    visitor.get(f"{sites.portal}/settings/")
    visitor.post(f"{sites.portal}/accounts/oidc/oidc/login/?process=connect")
    assert "by the verified address alone" in " ".join(visitor.page.split())
