"""Deciders sign in with a second factor: pages lead to it, forms are refused, and then everything is open."""

import time
from typing import Any

import pytest
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.test import Client

from portal.accounts.models import User
from tests.cast import Cast

pytestmark = pytest.mark.django_db
PASSWORD = "techmail-demo"


@pytest.fixture(autouse=True)
def _on(settings: Any) -> None:
    settings.MFA_FOR_DECIDERS = True
    settings.ACCOUNT_RATE_LIMITS = False


def signed_in(user: User) -> Client:
    client = Client()
    answer = client.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    assert answer.status_code == 302
    return client


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, next(yield_hotp_counters_from_time())))


@pytest.mark.parametrize("name", ["reviewer", "postmaster", "cio", "admin"])
def test_a_password_alone_opens_nothing_to_those_who_decide(cast: Cast, name: str) -> None:
    client = signed_in(getattr(cast, name))
    answer = client.get("/", follow=True)
    assert answer.redirect_chain == [("/accounts/2fa/", 302)]
    assert "needs a second factor" in answer.content.decode()
    assert client.post("/requests/TM-R-1/do/approve/", {}).status_code == 403
    assert client.get("/brand.css").status_code == 200
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize("name", ["requester", "auditor"])
def test_others_need_none(cast: Cast, name: str) -> None:
    assert signed_in(getattr(cast, name)).get("/").status_code == 200


def test_who_has_a_factor_is_asked_for_it_and_then_let_in(cast: Cast) -> None:
    early = signed_in(cast.reviewer)
    secret = generate_totp_secret()
    TOTP.activate(cast.reviewer, secret)
    # The session from before the set-up is led to the code, and back to where it wanted to go.
    answer = early.get("/queue/")
    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/2fa/reauthenticate/?next=%2Fqueue%2F"

    client = Client()
    answer = client.post(
        "/accounts/login/?next=/queue/", {"login": cast.reviewer.email, "password": PASSWORD}
    )
    assert answer["Location"].startswith("/accounts/2fa/authenticate/")
    assert client.get("/queue/").status_code == 302  # not signed in yet
    answer = client.post("/accounts/2fa/authenticate/?next=/queue/", {"code": code_of(secret)})
    assert answer["Location"] == "/queue/"
    assert client.get("/queue/").status_code == 200


def test_single_sign_on_counts_as_strong(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.reviewer, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/queue/").status_code == 302  # a session without a record is a weak one
    session = client.session
    session["account_authentication_methods"] = [
        {"method": "socialaccount", "at": time.time(), "provider": "oidc"}
    ]
    session["account_authentication_methods_user"] = str(cast.reviewer.pk)
    session.save()
    assert client.get("/queue/").status_code == 200


def test_a_record_of_another_person_does_not_count(cast: Cast) -> None:
    client = Client()
    client.force_login(cast.reviewer, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": time.time()}]
    session["account_authentication_methods_user"] = str(cast.cio.pk)
    session.save()
    assert client.get("/queue/").status_code == 302
