"""Limits at the door: they stop guessing, and nobody is locked out by somebody else."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.utils import timezone

from portal.accounts import resetting
from portal.accounts.adapter import GUESSES_AT_ONE_ACCOUNT
from portal.accounts.models import User
from portal.accounts.tasks import clear_sessions
from portal.api.accounts import make_token
from portal.outbox.models import Notification
from tests.cast import Cast, client_of

pytestmark = pytest.mark.django_db
PASSWORD = "techmail-demo"
HOME, OTHER = "198.51.100.1", "203.0.113.9"
REFUSED = "Too many failed login attempts"


@pytest.fixture(autouse=True)
def _behind_one_proxy(settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1


def tried(login: str, password: str, place: str, *, claimed: str = "") -> str:
    """What the sign-in page answers to a client at `place`, who claims to be elsewhere."""
    client = Client(REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR=f"{claimed}, {place}" if claimed else place)
    answer = client.post("/accounts/login/", {"login": login, "password": password})
    if answer.status_code == 302:
        return "in"
    text = answer.content.decode()
    return "limit" if answer.status_code == 429 or REFUSED in text else "wrong"


def test_wrong_passwords_of_one_client_lock_no_other_out_behind_the_same_proxy(cast: Cast) -> None:
    answers = [tried(cast.requester.email, "wrong", OTHER) for _ in range(10)]
    assert "limit" in answers
    assert tried(cast.colleague.email, PASSWORD, HOME) == "in"
    assert tried(cast.requester.email, PASSWORD, HOME) == "in"


def test_a_claimed_address_neither_escapes_the_limit_nor_blames_another(cast: Cast) -> None:
    answers = [
        tried(cast.requester.email, "wrong", OTHER, claimed=f"198.51.100.{number}") for number in range(10)
    ]
    assert "limit" in answers
    assert tried(cast.requester.email, PASSWORD, HOME) == "in"


def test_addresses_of_one_ipv6_network_count_as_one(cast: Cast) -> None:
    answers = [tried(cast.requester.email, "wrong", f"2001:db8:0:1::{number}") for number in range(1, 12)]
    assert "limit" in answers
    assert tried(cast.requester.email, "wrong", "2001:db8:0:2::1") == "wrong"


def test_a_crowd_that_guesses_at_one_reviewer_does_not_keep_them_from_their_usual_place(cast: Cast) -> None:
    assert tried(cast.reviewer.email, PASSWORD, HOME) == "in"
    crowd = (f"203.0.{number // 4}.{number}" for number in range(54))
    answers = [tried(cast.reviewer.email, "wrong", place) for place in crowd]
    assert answers[: GUESSES_AT_ONE_ACCOUNT.times] == ["wrong"] * GUESSES_AT_ONE_ACCOUNT.times
    assert answers[-1] == "limit"
    # Even the right password is not told apart from elsewhere, and the person at home does not notice.
    assert tried(cast.reviewer.email, PASSWORD, "192.0.2.200") == "limit"
    assert tried(cast.reviewer.email, PASSWORD, HOME) == "in"
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        assert tried(cast.reviewer.email, PASSWORD, "192.0.2.200") == "in"


def test_typing_wrong_at_home_does_not_spend_what_strangers_have(cast: Cast) -> None:
    assert tried(cast.reviewer.email, PASSWORD, HOME) == "in"
    for _ in range(4):
        tried(cast.reviewer.email, "wrong", HOME)
    assert tried(cast.reviewer.email, PASSWORD, HOME) == "in"


@pytest.mark.parametrize("path", ["/api/v1/requests", "/export/v1/relay"])
def test_wrong_tokens_are_counted_by_client(cast: Cast, path: str) -> None:
    def asked(place: str) -> int:
        client = Client(REMOTE_ADDR="127.0.0.1", HTTP_X_FORWARDED_FOR=place)
        return client.get(path, HTTP_AUTHORIZATION="Bearer wrong").status_code

    answers = [asked(OTHER) for _ in range(61)]
    if 404 in answers:
        pytest.fail(f"{path} is not there")
    assert answers[-1] == 429
    assert asked(HOME) == 401


# ---------------------------------------------------------------- the link to a new password
@pytest.fixture
def emails() -> list[Any]:
    mail.outbox = []
    return mail.outbox


def test_a_link_goes_to_open_accounts_with_a_password_alone(cast: Cast, emails: list[Any]) -> None:
    User.objects.create_user("sso@ttu.edu", None, name="Signs on")
    User.objects.create_user("left@ttu.edu", PASSWORD, name="Left", is_active=False)
    for address in ("sso@ttu.edu", "left@ttu.edu", "stranger@elsewhere.example", "", "x" * 300):
        assert not resetting.send_reset_link(address=address)
    assert emails == []
    assert resetting.send_reset_link(address=f" {cast.requester.email.upper()} ")
    (email,) = emails
    assert email.to == [cast.requester.email]
    (link,) = [word for word in email.body.split() if "/password/reset/key/" in word]
    answer = Client().get(link.removeprefix("http://localhost:8000"), follow=True)
    assert 'name="password1"' in answer.content.decode()


def test_links_to_one_account_have_a_limit(cast: Cast, emails: list[Any]) -> None:
    for _ in range(5):
        resetting.send_reset_link(address=cast.requester.email)
    assert len(emails) == resetting.LINKS_TO_ONE_ACCOUNT.times


def test_the_page_answers_alike_for_every_address_and_with_the_mail_server_away(
    cast: Cast, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "portal.accounts.tasks.send_reset_link.apply_async", lambda args, **_: asked.append(args[0])
    )
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_PORT = 9
    for address in (cast.requester.email, "stranger@elsewhere.example"):
        answer = Client(HTTP_X_FORWARDED_FOR=HOME).post("/accounts/password/reset/", {"email": address})
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/password/reset/done/")
    assert asked == [cast.requester.email, "stranger@elsewhere.example"]
    with pytest.raises(OSError):  # noqa: PT011 - whatever the library says of a server that is away
        resetting.send_reset_link(address=cast.requester.email)


def test_a_new_password_is_told_to_its_owner(cast: Cast, emails: list[Any]) -> None:
    resetting.send_reset_link(address=cast.requester.email)
    (link,) = [word for word in emails[0].body.split() if "/password/reset/key/" in word]
    client = Client(HTTP_X_FORWARDED_FOR=HOME)
    page = client.get(link.removeprefix("http://localhost:8000"), follow=True)
    path = page.redirect_chain[-1][0]
    new = "a-new-and-long-password"
    assert client.post(path, {"password1": new, "password2": new}).status_code == 302
    told = Notification.objects.get(recipient=cast.requester.email)
    assert "Your password was reset" in told.subject
    assert HOME in told.text


def test_an_api_token_made_for_somebody_is_told_to_them(cast: Cast) -> None:
    make_token(actor=cast.admin, name="Tickets", owner=cast.requester, scopes=["requests:read"], days=30)
    told = Notification.objects.get(recipient=cast.requester.email)
    assert "Tickets acts for you" in told.subject
    assert "tma_" not in told.text


def test_sessions_that_ended_are_cleared(cast: Cast, settings: Any) -> None:
    client_of(cast.requester)
    client_of(cast.colleague)
    Session.objects.filter(pk=Session.objects.first().pk).update(  # type: ignore[union-attr]
        expire_date=timezone.now() - timedelta(days=1)
    )
    clear_sessions()
    assert Session.objects.count() == 1
