"""Large-volume relay mail passes the CIO (MKT-4); what a reviewer cuts is granted, said, and renewed."""

from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.utils import timezone

from portal.accounts.models import DirectoryAddress
from portal.accounts.roles import Role
from portal.grants.models import Grant
from portal.grants.services import issuing
from portal.institution import institution
from portal.lib.outcome import Outcome
from portal.outbox.models import Notification
from portal.policy_service.changes import rules_for
from portal.policy_service.models import CountedDay
from portal.workflow.findings import Finding
from portal.workflow.kinds import Terms
from portal.workflow.models import FieldChange, Intention, ServiceRequest
from portal.workflow.services import answering, checking, requesting, reviewing
from portal.workflow.services.reviewing import ApprovalBlocked
from relay import rules, volume
from relay.models import RelayPermission, RelayRequest
from tests.cast import Cast, approve, approved, fresh, relay_draft
from tests.support.pages import flat

pytestmark = pytest.mark.django_db
MAIL: dict[str, Any] = {
    "recipients": "anyone",
    "recipient_domains": "",
    "typical_per_day": 40,
    "most_per_day": 100,
    "external_per_day": 50,
    "peak_per_hour": 20,
    "recipients_per_message": 1,
    "contents": "public",
    "tls": "yes",
}


def drafted(cast: Cast, *, address: str = "129.118.10.20", **columns: Any) -> ServiceRequest:
    """A request with these answers about its mail, not yet submitted."""
    draft = relay_draft(cast, address=address)
    answering.write_columns(detail=RelayRequest.of(draft), columns=MAIL | columns)
    return fresh(draft)


def filed(cast: Cast, **columns: Any) -> ServiceRequest:
    draft = drafted(cast, **columns)
    requesting.submit(service_request=draft, actor=cast.requester, revision=draft.revision)
    return fresh(draft)


def route(service_request: ServiceRequest) -> list[str]:
    return [stage.key for stage in service_request.kind_entry.route(service_request)]


def found(service_request: ServiceRequest, rule: str) -> Finding | None:
    rows = rules.check(fresh(service_request))
    return next((row for row in rows if row.rule == rule), None)


def terms(service_request: ServiceRequest, **cut: Any) -> Terms:
    usual = service_request.kind_entry.default_terms(service_request, timezone.localdate())
    return Terms(usual.starts_on, usual.ends_on, cut.pop("keep", {}), cut)


def ending(grant: Grant) -> Grant:
    """The grant in its last weeks, when it can be renewed."""
    Grant.objects.filter(pk=grant.pk).update(ends_on=timezone.localdate() + timedelta(days=20))
    return Grant.objects.get(pk=grant.pk)


# ---------------------------------------------------------------- the route
@pytest.mark.parametrize(
    ("answers", "is_large"),
    [
        ({}, False),
        ({"most_per_day": 5000, "external_per_day": 500}, False),
        ({"most_per_day": 5001}, True),
        ({"external_per_day": 501}, True),
        ({"external_per_day": None}, True),  # Nobody said: that counts as more.
        ({"recipients": "domains", "recipient_domains": "gmail.com", "external_per_day": None}, True),
        ({"recipients": "internal", "external_per_day": None}, False),
        ({"recipients": "internal", "external_per_day": None, "most_per_day": 6000}, True),
        ({"most_per_day": None, "typical_per_day": 3000}, False),
        ({"most_per_day": None, "typical_per_day": 5001}, True),
        ({"most_per_day": None, "recipients_per_message": 6000}, True),
    ],
)
def test_the_cio_decides_above_the_institutions_limits(
    cast: Cast, answers: dict[str, Any], is_large: bool
) -> None:
    request = drafted(cast, **answers)
    assert route(request) == (["review", "cio"] if is_large else ["review"])
    assert (found(request, "volume") is not None) == is_large


def test_one_reviewer_no_longer_approves_six_thousand_a_day_with_health_data_in_the_clear(cast: Cast) -> None:
    request = filed(cast, most_per_day=6000, external_per_day=6000, contents="phi", tls="no")
    with pytest.raises(ApprovalBlocked) as barred:
        reviewing.advance(service_request=request, actor=cast.reviewer, revision=request.revision)
    assert [row.rule for row in barred.value.findings] == ["tls:phi:no"]
    checking.waive(
        service_request=fresh(request), actor=cast.reviewer, rule="tls:phi:no", reason="A closed network."
    )
    with pytest.raises(Exception, match="not possible at this stage"):
        approve(cast, fresh(request))
    reviewing.advance(service_request=fresh(request), actor=cast.reviewer, revision=fresh(request).revision)
    request = fresh(request)
    assert (request.stage, request.stage_role) == ("cio", str(Role.CIO))
    with pytest.raises(Exception, match="somebody else"):
        approve(cast, request)
    grant = approve(cast, request, actor=cast.cio)
    assert (grant.relay.per_day, grant.relay.external_per_day) == (6000, 6000)


def test_a_waiver_for_one_kind_of_contents_is_none_for_another(cast: Cast) -> None:
    request = filed(cast, contents="ferpa", tls="unknown")
    unknown = found(request, "tls:ferpa:unknown")
    assert unknown is not None
    assert (unknown.outcome, unknown.blocks, unknown.waivable) == (Outcome.UNKNOWN, True, True)
    checking.waive(
        service_request=request, actor=cast.reviewer, rule=unknown.rule, reason="It is being replaced."
    )
    RelayRequest.objects.filter(pk=request.pk).update(contents="phi")
    with pytest.raises(ApprovalBlocked):
        approve(cast, fresh(request))


def test_a_change_above_the_limits_and_an_unchanged_renewal_pass_the_cio_too(cast: Cast) -> None:
    grant = approved(cast)
    change = issuing.begin_renewal(grant=grant, actor=cast.requester, intention=Intention.CHANGE)
    answering.write_columns(detail=RelayRequest.of(change), columns=MAIL | {"external_per_day": 900})
    assert route(fresh(change)) == ["review", "cio"]

    request = filed(cast, address="129.118.10.41", most_per_day=9000)
    reviewing.advance(service_request=request, actor=cast.reviewer, revision=request.revision)
    large = approve(cast, fresh(request), actor=cast.cio)
    renewal = issuing.begin_renewal(grant=ending(large), actor=cast.requester, intention=Intention.RENEWAL)
    assert route(fresh(renewal))[-1] == "cio"


def test_a_figure_that_nobody_gave_bars_the_approval(cast: Cast) -> None:
    request = filed(cast, external_per_day=None)
    missing = found(request, "external")
    assert missing is not None
    assert missing.blocks
    with pytest.raises(ApprovalBlocked):
        reviewing.advance(service_request=request, actor=cast.reviewer, revision=request.revision)


def test_the_form_the_preview_and_the_live_check_say_that_the_cio_decides(
    cast: Cast, requester_client: Client
) -> None:
    draft = drafted(cast)
    page = f"/requests/{draft.reference}/edit/mail/"
    assert f"the {institution().cio_office} decides as well" in requester_client.get(page).content.decode()
    typed = {name: str(value) for name, value in MAIL.items()} | {
        "most_per_day": "6000",
        "revision": draft.revision,
    }
    live = requester_client.post(f"{page}check/most_per_day/", typed).content.decode()
    assert "large-volume mail" in live
    assert (
        "large-volume"
        not in requester_client.post(
            f"{page}check/most_per_day/", typed | {"most_per_day": "60"}
        ).content.decode()
    )
    answer = requester_client.post(page, typed)
    assert answer.status_code == 302, answer.content.decode()
    preview = requester_client.get(f"/requests/{draft.reference}/answers/").content.decode()
    assert institution().cio_office in preview.split("Who decides")[1]


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"external_per_day": ""}, "MKT-4: say how many a day go outside"),
        ({"external_per_day": "0"}, "MKT-4: say how many a day go outside"),
        ({"recipients": "domains", "recipient_domains": "a.example", "external_per_day": ""}, "say how many"),
        ({"most_per_day": "10"}, "cannot be less than a typical day (40)"),
        ({"most_per_day": "45"}, "cannot be less than the figure for outside addresses (50)"),
        ({"recipients_per_message": "101"}, "cannot be less than one message (101)"),
        ({"most_per_day": "0"}, "greater than or equal to 1"),
        ({"most_per_day": "9" * 30}, "less than or equal to"),
        (
            {"recipients": "domains", "recipient_domains": "\n".join(f"d{n}.example" for n in range(51))},
            "at most 50",
        ),
    ],
)
def test_figures_that_cannot_be_are_refused_beside_their_field(
    cast: Cast, requester_client: Client, answers: dict[str, str], words: str
) -> None:
    draft = drafted(cast)
    typed = {name: str(value) for name, value in MAIL.items()} | {"revision": draft.revision} | answers
    answer = requester_client.post(f"/requests/{draft.reference}/edit/mail/", typed)
    assert answer.status_code == 422
    assert words in answer.content.decode().replace("&nbsp;", " ")


# ---------------------------------------------------------------- volume split over several
def test_volume_split_over_several_permissions_is_said_to_the_reviewer(cast: Cast) -> None:
    for number in range(5):
        approve(cast, filed(cast, address=f"129.118.20.{number + 1}", most_per_day=900, external_per_day=90))
    last = filed(cast, most_per_day=900, external_per_day=90)
    together = found(last, "volume-together")
    assert together is not None
    assert together.outcome == Outcome.WARN
    assert "5,400 recipients a day" in together.sentence
    assert "540 of them outside" in together.sentence
    assert "TM-R-1001" in together.sentence
    # Another owner of another department, with the same sender: still one mailing.
    other = drafted(cast, address="129.118.10.99")
    ServiceRequest.objects.filter(pk=other.pk).update(
        requester=cast.outsider, co_owner=None, department="Chemistry"
    )
    RelayRequest.objects.filter(pk=other.pk).update(most_per_day=900)
    DirectoryAddress.objects.filter(address=cast.outsider.email).update(department="Chemistry")
    assert found(other, "volume-together") is not None
    answering.write_answers(service_request=fresh(other), answers={"senders": ["alerts@ttu.edu"]})
    assert found(other, "volume-together") is None


# ---------------------------------------------------------------- cuts
def cut_grant(cast: Cast, client: Client) -> Grant:
    request = filed(cast)
    usual = request.kind_entry.default_terms(request, timezone.localdate())
    facts = {
        "approve-revision": request.revision,
        "approve-comment": "Fewer will do.",
        "approve-ends_on": usual.ends_on.isoformat(),
        "approve-keep_recipients": "domains",
        "approve-domains": "Example.COM\nexample.org",
        "approve-most_per_day": "60",
        "approve-most_external_per_day": "30",
        "approve-most_peak_per_hour": "5",
    }
    answer = client.post(f"/requests/{request.reference}/do/approve/", facts)
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    return Grant.objects.get(request=request)


def test_a_reviewer_cuts_recipients_and_volume_and_everybody_reads_it(
    cast: Cast, reviewer_client: Client, requester_client: Client
) -> None:
    grant = cut_grant(cast, reviewer_client)
    permission = RelayPermission.objects.get(grant=grant)
    assert permission.recipients == "domains"
    assert permission.recipient_domains.split() == ["example.com", "example.org"]
    assert (permission.per_day, permission.external_per_day, permission.peak_per_hour) == (60, 30, 5)
    rule = rules_for([grant.pk])[grant.pk]
    assert rule is not None
    assert (rule.per_day, rule.external_per_day, rule.per_hour) == (60, 30, 5)
    assert rule.recipient_domains == ("ttu.edu", "example.com", "example.org")

    rows = {row.field: (row.before, row.after) for row in FieldChange.objects.filter(event__action="approve")}
    assert rows == {
        "recipients": ("Anyone", "These other domains as well"),
        "recipient_domains": ("", "example.com\nexample.org"),
        "most_per_day": ("100", "60"),
        "external_per_day": ("50", "30"),
        "peak_per_hour": ("20", "5"),
    }
    email = Notification.objects.filter(recipient=cast.requester.email, subject__contains="approved").get()
    assert "Cut by the reviewer: Recipients: These other domains as well (asked for: Anyone)" in email.text
    assert "Most recipients on one day: 60 (asked for: 100)" in email.text
    for path in (f"/requests/{grant.reference}/", f"/permissions/{grant.reference}/"):
        page = requester_client.get(path).content.decode()
        assert "Cut by the reviewer" in page
        assert "asked for: 100" in flat(page)
    page = requester_client.get(f"/permissions/{grant.reference}/").content.decode()
    assert "60 recipients a day" in page
    assert "5 messages an hour" in page
    assert "30 of them outside ttu.edu" in page


def test_a_renewal_goes_on_with_what_was_granted_and_is_no_change(
    cast: Cast, reviewer_client: Client
) -> None:
    grant = cut_grant(cast, reviewer_client)
    draft = issuing.begin_renewal(grant=ending(grant), actor=cast.requester, intention=Intention.RENEWAL)
    detail = RelayRequest.of(fresh(draft))
    assert (detail.recipients, detail.recipient_domains.split()) == (
        "domains",
        ["example.com", "example.org"],
    )
    assert (detail.most_per_day, detail.external_per_day, detail.peak_per_hour) == (60, 30, 5)
    before, now = draft.kind_entry.baseline(fresh(draft)), requesting.answers_of(fresh(draft))
    assert {row[0] for row in requesting.differences(before, now)} <= {"is_attested"}


def test_nothing_is_raised_whatever_the_terms_say(cast: Cast, reviewer_client: Client) -> None:
    request = filed(cast, recipients="internal", external_per_day=None)
    wide = terms(
        request, keep={"recipients": ["anyone"], "recipient_domains": ["evil.example"]}, per_day=10**6
    )
    grant = approve(cast, request, terms=wide)
    assert (grant.relay.recipients, grant.relay.recipient_domains, grant.relay.per_day) == (
        "internal",
        "",
        100,
    )
    assert not FieldChange.objects.filter(event__action="approve").exists()

    other = filed(cast, address="129.118.10.41")
    facts = {
        "approve-revision": other.revision,
        "approve-comment": "More.",
        "approve-keep_recipients": "anyone",
        "approve-ends_on": wide.ends_on.isoformat(),
    }
    for field, value in (
        ("most_per_day", "101"),
        ("most_peak_per_hour", "0"),
        ("keep_recipients", "everybody"),
    ):
        answer = reviewer_client.post(
            f"/requests/{other.reference}/do/approve/", facts | {f"approve-{field}": value}
        )
        assert answer.status_code == 422, field
    blank = facts | {"approve-keep_recipients": "domains", "approve-domains": ""}
    answer = reviewer_client.post(f"/requests/{other.reference}/do/approve/", blank)
    assert (answer.status_code, "Name the domains" in answer.content.decode()) == (422, True)


def test_a_cut_term_and_a_cut_sender_are_said_as_well(cast: Cast) -> None:
    draft = drafted(cast)
    answering.write_answers(
        service_request=draft, answers={"senders": ["noreply-lab@ttu.edu", "alerts@ttu.edu"]}
    )
    requesting.submit(service_request=fresh(draft), actor=cast.requester, revision=fresh(draft).revision)
    request = fresh(draft)
    usual = terms(request, keep={"senders": ["alerts@ttu.edu"]})
    shorter = Terms(usual.starts_on, usual.ends_on.replace(day=1), usual.keep)
    approve(cast, request, terms=shorter)
    rows = {row.field: (row.before, row.after) for row in FieldChange.objects.filter(event__action="approve")}
    assert rows["senders"] == ("noreply-lab@ttu.edu\nalerts@ttu.edu", "alerts@ttu.edu")
    assert rows["term"] == (f"{usual.ends_on:%b %-d, %Y}", f"{shorter.ends_on:%b %-d, %Y}")


# ---------------------------------------------------------------- how to connect
def test_the_owner_is_told_how_to_connect(cast: Cast, requester_client: Client) -> None:
    grant = approve(cast, filed(cast))
    email = Notification.objects.filter(recipient=cast.requester.email, subject__contains="approved").get()
    for words in (
        "How to connect",
        "Server: smtp.ttu.edu",
        "Port: 25",
        "Encryption: STARTTLS",
        "Sender address: noreply-lab@ttu.edu",
        "At most: 100 recipients a day, 50 of them outside ttu.edu",
    ):
        assert words in email.text
    page = requester_client.get(f"/permissions/{grant.reference}/").content.decode()
    panel = page.split("How to connect")[1].split("</section>")[0]
    for words in ("smtp.ttu.edu", "25", "STARTTLS", "noreply-lab@ttu.edu", "20 messages an hour", "Anyone"):
        assert words in panel
    Grant.objects.filter(pk=grant.pk).update(state="suspended")
    assert "How to connect" not in requester_client.get(f"/permissions/{grant.reference}/").content.decode()
    assert "smtp.ttu.edu, port 25" in requester_client.get("/new/?at=relay-copier").content.decode()


def test_a_permission_from_before_says_that_it_has_no_limit(cast: Cast, requester_client: Client) -> None:
    grant = approved(cast)
    RelayPermission.objects.filter(grant=grant).update(per_day=None, peak_per_hour=None)
    assert "No limit" in requester_client.get(f"/permissions/{grant.reference}/").content.decode()


def test_the_migration_cuts_off_nobody(cast: Cast) -> None:
    migration = import_module("relay.migrations.0002_volume_and_mailboxes")
    made = {
        "small": approved(cast, address="129.118.20.1"),
        "large": approved(cast, address="129.118.20.2"),
        "silent": approved(cast, address="129.118.20.3"),
        "outside": approved(cast, address="129.118.20.4"),
    }
    stated: dict[str, dict[str, Any]] = {
        "small": {"typical_per_day": 20},
        "large": {"typical_per_day": 6000},
        "silent": {"typical_per_day": None},
        "outside": {"typical_per_day": 20, "external_per_day": 400},
    }
    for name, grant in made.items():
        RelayRequest.objects.filter(pk=grant.latest_request_id).update(**stated[name])
        RelayPermission.objects.filter(grant=grant).update(per_day=None, external_per_day=None)
    RelayPermission.objects.filter(grant=made["outside"]).update(recipients="anyone")
    migration.limit_what_is_in_force(apps, None)
    limits = {
        name: RelayPermission.objects.values_list("per_day", "external_per_day").get(grant=grant)
        for name, grant in made.items()
    }
    assert limits == {
        "small": (5000, None),
        "large": (12_000, None),
        "silent": (None, None),
        "outside": (5000, 800),
    }
    # Its renewal asks for what it said it sends, not for the 5,000 that nobody asked for.
    RelayRequest.objects.filter(pk=made["small"].latest_request_id).update(most_per_day=None)
    draft = issuing.begin_renewal(
        grant=ending(made["small"]), actor=cast.requester, intention=Intention.RENEWAL
    )
    assert volume.per_day(RelayRequest.of(fresh(draft))) == 40


def test_the_page_says_where_nothing_keeps_the_limits(cast: Cast, requester_client: Client) -> None:
    grant = approved(cast)
    assert "Not enforced now" in requester_client.get(f"/permissions/{grant.reference}/").content.decode()
    CountedDay.objects.create(day=timezone.localdate() - timedelta(days=1))
    assert "Not enforced now" in requester_client.get(f"/permissions/{grant.reference}/").content.decode()
    CountedDay.objects.create(day=timezone.localdate())
    assert "Not enforced now" not in requester_client.get(f"/permissions/{grant.reference}/").content.decode()
