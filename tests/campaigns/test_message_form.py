"""The form's page for the message: limits are said next to the field, and what was typed is kept."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from benchmarks.hostile_messages import HOSTILE, SIZE
from campaigns import message_form
from tests.campaigns.cast import campaign_draft, message
from tests.cast import Cast, client_of, fresh


def test_the_hostile_message_fits_into_the_form() -> None:
    assert max(len(make(SIZE)) for make in HOSTILE.values()) < 1.1 * message_form.LARGEST


@pytest.mark.django_db
def test_the_form_says_it_next_to_the_field_and_keeps_what_was_typed(cast: Cast) -> None:
    draft = campaign_draft(cast)
    client, page = client_of(cast.requester), f"/requests/{draft.reference}/edit/message/"
    raw = HOSTILE["comments in a style sheet"](400_000)
    upload = SimpleUploadedFile("hostile.eml", raw, "message/rfc822")
    answer = client.post(page, {"how": "eml", "eml": upload, "revision": fresh(draft).revision})
    assert answer.status_code == 422
    assert answer.context["form"].errors["eml"] == [
        "It has more than 100 kB of styles. Use fewer and shorter ones."
    ]
    typed = {"how": "parts", "subject": "Kept subject", "html": "<p>" * 21_000, "text": "Kept text"}
    answer = client.post(page, {**typed, "revision": fresh(draft).revision})
    assert answer.status_code == 422
    assert answer.context["form"].errors["html"] == ["Its HTML has more than 15,000 tags. Make it simpler."]
    assert "Kept subject" in answer.content.decode()
    assert "Kept text" in answer.content.decode()


@pytest.mark.django_db
def test_checks_of_one_person_have_a_rate(cast: Cast) -> None:
    draft = campaign_draft(cast)
    client, page = client_of(cast.requester), f"/requests/{draft.reference}/edit/message/"
    for number in range(message_form.CHECKS.times + 1):
        upload = SimpleUploadedFile("a.eml", message(postal=f"{number}"), "message/rfc822")
        answer = client.post(page, {"how": "eml", "eml": upload, "revision": fresh(draft).revision})
    assert answer.status_code == 422
    assert "20 messages were checked within a minute" in answer.content.decode()
