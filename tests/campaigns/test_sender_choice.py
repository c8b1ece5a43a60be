"""Whose sender authorization a campaign may name: one's own, and one's department's by the directory (E16)."""

from typing import Any

import pytest
from django.http import QueryDict

from campaigns import panels, selectors
from campaigns.forms import AudienceStep, SenderStep
from campaigns.models import CampaignRequest
from portal.accounts.models import DirectoryAddress
from portal.grants.models import Grant
from portal.outbox.models import Notification
from portal.workflow.models import ServiceRequest
from portal.workflow.services import answering, requesting, reviewing
from tests.campaigns.cast import campaign_draft, message, submitted
from tests.campaigns.gated import FACULTY, STUDENTS, of_department, sender_authorization
from tests.cast import Cast, approve, client_of, fresh

pytestmark = pytest.mark.django_db
FROM = "news@mail.ttu.edu"


def sender_page(draft: ServiceRequest, grant: Grant | None, *, address: str = FROM) -> Any:
    query = QueryDict(mutable=True)
    query.update(
        {
            "sender_of_record": "Dining",
            "from_name": "Dining",
            "from_address": address,
            "platform": "authorized",
            "sender_grant": str(grant.pk) if grant else "",
        }
    )
    form = SenderStep(draft, query)
    form.is_valid()
    return form


def offered(draft: ServiceRequest) -> list[Grant]:
    return list(SenderStep(draft).fields["sender_grant"].queryset)  # type: ignore[attr-defined]


def failing(draft: ServiceRequest) -> list[str]:
    draft = fresh(draft)
    return [one.sentence for one in draft.kind_entry.check(draft) if one.rule == "platform" and one.blocks]


def naming(cast: Cast, grant: Grant) -> ServiceRequest:
    return campaign_draft(
        cast, raw=message(sender=FROM), platform="authorized", sender_grant=grant, from_address=FROM
    )


def test_one_s_own_and_a_shared_one_may_be_named(cast: Cast) -> None:
    of_department("Athletics", cast.outsider)
    own = sender_authorization(cast, cast.requester)
    shared = sender_authorization(cast, cast.colleague, co_owner=cast.requester, domain="a.ttu.edu")
    other = sender_authorization(cast, cast.outsider, domain="b.ttu.edu")
    draft = naming(cast, own)
    assert set(offered(draft)) == {own, shared}
    assert sender_page(draft, own).errors == {}
    assert sender_page(draft, shared).errors == {}
    assert failing(draft) == []
    assert other not in offered(draft)


def test_another_s_is_refused_with_whom_to_ask(cast: Cast) -> None:
    of_department("Athletics", cast.outsider)
    other = sender_authorization(cast, cast.outsider)
    draft = naming(cast, other)
    (sentence,) = sender_page(draft, other).errors["sender_grant"]
    assert f"{other.reference} belongs to {cast.outsider}" in sentence
    assert cast.outsider.email in sentence
    (of_its_domain,) = sender_page(draft, None).errors["sender_grant"]
    assert cast.outsider.email in of_its_domain
    (unknown,) = sender_page(draft, None, address="x@nowhere.ttu.edu").errors["sender_grant"]
    assert "choose the sender authorization" in unknown
    assert cast.outsider.email in failing(draft)[0]
    with pytest.raises(reviewing.ApprovalBlocked):
        approve(cast, submit(draft), actor=cast.cio)


@pytest.mark.parametrize("value", ["", "x", "-1", "9" * 30, "٣", "1e3"])
def test_a_value_that_names_nothing_is_an_error_of_the_field(cast: Cast, value: str) -> None:
    draft = campaign_draft(cast)
    query = QueryDict(mutable=True)
    query.update(
        {
            "sender_of_record": "D",
            "from_name": "D",
            "from_address": FROM,
            "platform": "authorized",
            "sender_grant": value,
        }
    )
    form = SenderStep(draft, query)
    assert not form.is_valid()
    assert list(form.errors) == ["sender_grant"]


def submit(draft: ServiceRequest) -> ServiceRequest:
    requesting.submit(service_request=draft, actor=draft.requester, revision=draft.revision)
    return fresh(draft)


def test_a_colleague_s_may_be_named_and_its_owner_is_told_once(cast: Cast) -> None:
    theirs = sender_authorization(cast, cast.outsider)
    of_department("Student Affairs", cast.requester, cast.outsider)
    draft = naming(cast, theirs)
    assert offered(draft) == [theirs]
    assert sender_page(draft, theirs).errors == {}
    assert failing(draft) == []
    Notification.objects.all().delete()
    request = submit(draft)
    told = Notification.objects.get(recipient=cast.outsider.email)
    assert told.thread == theirs.reference
    for words in (request.reference, theirs.reference, str(cast.requester), cast.requester.email):
        assert words in told.text
    reviewing.ask(
        service_request=request, actor=cast.cio, revision=request.revision, questions=[("window", "Why?")]
    )
    asked = fresh(request)
    requesting.resubmit(
        service_request=asked,
        actor=cast.requester,
        revision=asked.revision,
        answers={asked.questions.get().pk: "So."},
    )
    assert Notification.objects.filter(recipient=cast.outsider.email).count() == 1


def test_one_s_own_tells_nobody(cast: Cast) -> None:
    draft = naming(cast, sender_authorization(cast, cast.requester))
    submit(draft)
    assert not Notification.objects.filter(subject__contains="would send under it").exists()


@pytest.mark.parametrize("how", ["no department", "another", "gone", "inactive", "typed on a form"])
def test_what_is_no_colleague_s(cast: Cast, how: str) -> None:
    theirs = sender_authorization(cast, cast.outsider)
    of_department("Student Affairs", cast.requester, cast.outsider)
    row = DirectoryAddress.objects.filter(address=cast.outsider.email)
    if how == "no department":
        of_department("", cast.requester, cast.outsider)
    elif how == "another":
        of_department("Athletics", cast.outsider)
    elif how == "gone":
        row.update(gone_at=theirs.created_at)
    elif how == "inactive":
        type(cast.outsider).objects.filter(pk=cast.outsider.pk).update(is_active=False)
    else:
        row.update(department="Athletics")
        Grant.objects.filter(pk=theirs.pk).update(department="Student Affairs")
    draft = naming(cast, theirs)
    assert offered(draft) == []
    assert failing(draft)


def test_the_authorization_s_page_shows_its_campaigns(cast: Cast) -> None:
    theirs = sender_authorization(cast, cast.requester)
    waiting = submit(naming(cast, theirs))
    shown = panels._dependents(theirs)
    assert (shown["rows"], shown["pending"]) == ([], [waiting])
    grant = approve(cast, waiting, actor=cast.cio)
    shown = panels._dependents(theirs)
    assert [(row.pk, standing.words) for row, standing in shown["rows"]] == [
        (grant.pk, selectors.standings([grant])[grant.pk].words)
    ]
    assert shown["pending"] == []
    assert panels._dependents(grant) == {}


# ---------------------------------------------------------------- the large lists on the form
def test_the_form_and_the_checks_name_the_large_lists(cast: Cast) -> None:
    draft = campaign_draft(cast, people={"students": 100, "alumni": 5})
    fields = AudienceStep(draft).fields
    assert STUDENTS in fields["people_students"].help_text
    assert "only the approved message, once" in fields["people_students"].help_text
    assert FACULTY in fields["people_faculty"].help_text
    assert fields["people_alumni"].help_text == ""
    page = client_of(cast.requester).get(f"/requests/{draft.reference}/edit/audience/").content.decode()
    assert STUDENTS in page
    answering.write_columns(detail=CampaignRequest.of(draft), columns={"messages_each": 1})
    (found,) = [one for one in draft.kind_entry.check(fresh(draft)) if one.rule == "large-lists"]
    assert (found.outcome, found.blocks) == ("pass", False)
    assert found.sentence == (
        f"Mail to {STUDENTS}: the mail system passes on only the approved message, once."
    )


def test_a_reminder_to_a_large_list_is_named_before_it_is_refused(cast: Cast) -> None:
    request = submitted(cast, people={"students": 100, "faculty": 5})
    (found,) = [one for one in request.kind_entry.check(request) if one.rule == "large-lists"]
    assert (found.outcome, found.must) == ("warn", False)
    assert f"once for {STUDENTS} and {FACULTY}" in found.sentence
    grant = approve(cast, request, actor=cast.cio)
    told = Notification.objects.filter(recipient=cast.requester.email, text__contains="once to each").exists()
    assert told
    assert grant.reference
