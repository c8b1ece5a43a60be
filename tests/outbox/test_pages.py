"""The list of dead emails, and development's page of the mail that went out."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from portal.outbox import views
from portal.outbox.delivery import deliver_due
from portal.outbox.models import Delivery, Notification
from portal.outbox.policies import may_handle_mail
from portal.outbox.services import enqueue
from tests.cast import Cast, client_of

pytestmark = pytest.mark.django_db
MAY = {"reviewer", "second_reviewer", "postmaster", "admin"}


def queue(recipient: str = "requester@ttu.edu", comment: str = "Which copier?") -> Notification:
    facts = {
        "reference": "TM-R-1",
        "title": "T",
        "path": "/requests/TM-R-1/",
        "actor": "A",
        "comment": comment,
    }
    message = enqueue(recipient=recipient, template="request_question", context=facts, thread="TM-R-1")
    assert message is not None
    return message


def test_who_may_handle_mail(cast: Cast) -> None:
    assert {name for name, person in vars(cast).items() if may_handle_mail(person)} == MAY


def test_the_list_shows_the_newest_dead_emails_and_says_that_there_are_more(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "SHOWN", 2)
    for position in range(3):
        queue(f"gone{position}@ttu.edu")
    Notification.objects.update(state=Delivery.DEAD, last_error="550 <b>No</b> such mailbox", attempts=7)
    queue("waiting@ttu.edu")
    page = client_of(cast.admin).get("/outbox/").content.decode()
    assert "1 message waiting" in page
    assert ("gone2@ttu.edu" in page, "gone1@ttu.edu" in page, "gone0@ttu.edu" in page) == (True, True, False)
    assert "The newest 2 are shown." in page
    assert "550 &lt;b&gt;No&lt;/b&gt; such mailbox" in page


def test_an_empty_list_says_what_would_be_there(cast: Cast) -> None:
    page = client_of(cast.reviewer).get("/outbox/").content.decode()
    assert "No message was given up" in page
    assert "Nothing waits to be sent." in page


def test_the_list_costs_the_same_at_two_rows_and_at_ten(
    cast: Cast, django_assert_max_num_queries: Any
) -> None:
    client = client_of(cast.reviewer)
    for rows in (2, 10):
        while Notification.objects.count() < rows:
            queue()
        Notification.objects.update(state=Delivery.DEAD)
        with django_assert_max_num_queries(6):
            client.get("/outbox/")


def test_an_action_that_is_neither_is_not_taken_for_one(cast: Cast) -> None:
    message = queue()
    Notification.objects.update(state=Delivery.DEAD)
    assert client_of(cast.admin).post(f"/outbox/{message.pk}/", {"action": "burn"}).status_code == 400
    assert Notification.objects.get().state == Delivery.DEAD


def test_the_page_of_sent_mail_shows_the_newest_first_with_a_link(settings: Any, tmp_path: Path) -> None:
    settings.DEBUG = True
    settings.EMAIL_FILE_PATH = tmp_path / "mail"
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    queue(comment="First <script>alert(1)</script>")
    deliver_due()
    queue(comment="Second – with a dash")
    deliver_due()
    page = Client().get("/outbox/mail/").content.decode()
    assert page.index("Second – with a dash") < page.index("First &lt;script&gt;")
    assert '<a href="http://localhost:8000/requests/TM-R-1/"' in page
    assert "requester@ttu.edu" in page


def test_the_page_of_sent_mail_is_development_s_alone(settings: Any, cast: Cast) -> None:
    settings.DEBUG = False
    assert client_of(cast.admin).get("/outbox/mail/").status_code == 404
    assert "/outbox/mail/" not in client_of(cast.admin).get("/outbox/").content.decode()
    settings.DEBUG = True
    assert "/outbox/mail/" in client_of(cast.admin).get("/outbox/").content.decode()


def test_before_any_mail_the_page_says_so(settings: Any, tmp_path: Path) -> None:
    settings.DEBUG = True
    settings.EMAIL_FILE_PATH = tmp_path / "none"
    assert "No mail yet" in Client().get("/outbox/mail/").content.decode()
