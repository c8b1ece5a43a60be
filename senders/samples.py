"""Signed samples: taken in, judged against what is asked or granted, and the activation that they bring.

A sample proves a grant when it is from one of the authorized domains and carries a valid, aligned DKIM
signature of the approved signing domain (OVR-4, AUT-3). DNS is asked before any transaction begins.
"""

import hashlib
import logging
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.grants import notices
from portal.grants.models import Grant
from portal.grants.selectors import grant_of
from portal.grants.services.transition import change_grant
from portal.grants.states import GrantState
from portal.lib.outcome import Outcome
from portal.lib.problems import Problem, Stale
from portal.mailauth.message_intake import LARGEST_BYTES, MessageRefused
from portal.mailauth.message_report import MessageReport, SignatureReport, check_message
from portal.workflow.models import ServiceRequest
from senders import services
from senders.dns_checks import resolver
from senders.models import SignedSample
from senders.plan import Plan

logger = logging.getLogger(__name__)
MOST_SAMPLES = 50
"""Kept for one request; more would show nothing new."""
MOST_ATTACHMENTS = 5
REJUDGED = 5
"""The newest samples of a waiting grant that are judged again: a key may have been published since."""
UNJUDGED_AT_ONCE = 100


class SampleRefused(Problem):
    """The message is not taken in; `str(error)` says why."""


# ---------------------------------------------------------------- taking in
def receive_sample(
    *, service_request: ServiceRequest, raw: bytes, source: SignedSample.Source, came_from: str = ""
) -> SignedSample:
    """Keep the raw bytes of a message as evidence, once for each content; it is judged later.

    Raises SampleRefused for an empty or too large message, or where the request has enough of them.
    """
    if not raw.strip():
        raise SampleRefused("The message is empty.")
    if len(raw) > LARGEST_BYTES:
        raise SampleRefused(f"The message is larger than {LARGEST_BYTES // 1024 // 1024} MB.")
    digest = hashlib.sha256(raw).hexdigest()
    known = SignedSample.objects.filter(service_request=service_request, sha256=digest).first()
    if known is not None:
        return known
    if SignedSample.objects.filter(service_request=service_request).count() >= MOST_SAMPLES:
        raise SampleRefused(f"This request has {MOST_SAMPLES} samples already; that is enough.")
    path = f"samples/{service_request.pk}/{digest}"
    if not default_storage.exists(path):
        path = default_storage.save(path, ContentFile(raw))
    try:
        with transaction.atomic():
            return SignedSample.objects.create(
                service_request=service_request, source=source, sha256=digest, size=len(raw), file=path,
                came_from=came_from[:300],
            )  # fmt: skip
    except IntegrityError:
        return SignedSample.objects.get(service_request=service_request, sha256=digest)


def adopt_attachments(*, service_request: ServiceRequest) -> None:
    """Take in and judge the newest .eml files of the request that are no samples yet."""
    files = service_request.attachments.filter(content_type="message/rfc822")
    known = SignedSample.objects.filter(service_request=service_request).values("sha256")
    fresh = files.exclude(sha256__in=known).select_related("uploaded_by").order_by("-id")[:MOST_ATTACHMENTS]
    for attachment in reversed(list(fresh)):
        try:
            with attachment.file.open("rb") as opened:
                sample = receive_sample(
                    service_request=service_request, raw=opened.read(), source=SignedSample.Source.UPLOAD,
                    came_from=f"{attachment.uploaded_by.email}: {attachment.name}",
                )  # fmt: skip
        except (OSError, SampleRefused) as error:
            logger.warning("Attachment %s is no sample: %s", attachment.pk, error)
            continue
        judge_sample(sample=sample)


# ---------------------------------------------------------------- judging
def judge_sample(*, sample: SignedSample) -> SignedSample:
    """Judge a sample now, keep the verdict, and bring its grant into force where it proves it."""
    service_request = sample.service_request
    grant = grant_of(service_request)
    plan = services.authorized_plan(grant) if grant else services.plan_of(service_request)
    outcome, reason, evidence = _verdict(sample, plan)
    columns: dict[str, Any] = {
        "outcome": str(outcome), "reason": reason, "is_proof": outcome is Outcome.PASS, "evidence": evidence,
        "judged_at": timezone.now(),
    }  # fmt: skip
    SignedSample.objects.filter(pk=sample.pk).update(**columns)
    for name, value in columns.items():
        setattr(sample, name, value)
    if sample.is_proof and grant is not None:
        activate_if_proven(grant=grant, sample=sample, plan=plan)
    return sample


def _verdict(sample: SignedSample, plan: Plan) -> tuple[Outcome, str, dict[str, Any]]:
    try:
        with sample.file.open("rb") as opened:
            report = check_message(opened.read(), resolver=resolver())
    except MessageRefused as error:
        return Outcome.FAIL, str(error), {}
    except OSError:
        return Outcome.UNKNOWN, "The stored message could not be read.", {}
    outcome, reason = verdict_on(report, plan)
    return outcome, reason, _evidence(report)


def verdict_on(report: MessageReport, plan: Plan) -> tuple[Outcome, str]:
    """Whether a message proves the plan, and why in words (OVR-4): pass, fail or unknown."""
    if report.from_domain is None:
        return Outcome.FAIL, report.dmarc_by_dkim.reason
    if report.from_domain not in plan.from_domains:
        return (
            Outcome.FAIL,
            f"It is from {report.from_address}, and {report.from_domain} is not asked for here.",
        )
    said = report.dmarc_by_dkim
    signed = any(_is_the_plans(one, plan) for one in report.dkim)
    if said.outcome is Outcome.PASS and signed:
        return Outcome.PASS, (
            f"It is from {report.from_address}, with a valid and aligned DKIM signature of {plan.signing_domain}."
        )
    if said.outcome is Outcome.PASS:
        signers = ", ".join(sorted({one.domain for one in report.dkim if one.valid}))
        return Outcome.FAIL, f"It is signed by {signers}, and approved is {plan.signing_domain}."
    return said.outcome, said.reason


def _is_the_plans(signature: SignatureReport, plan: Plan) -> bool:
    return (
        signature.valid is True and signature.domain == plan.signing_domain and signature.aligned.everywhere
    )


def _evidence(report: MessageReport) -> dict[str, Any]:
    return {
        "from": report.from_address,
        "verdict": report.dmarc_by_dkim.reason,
        "signatures": [
            {
                "d": one.domain, "s": one.selector, "algorithm": one.algorithm, "bits": one.bits,
                "valid": one.valid, "aligned": one.aligned.everywhere, "body_length": one.body_length_tag,
                "notes": [str(note) for note in one.notes],
            }
            for one in report.dkim
        ],
        "notes": [str(note) for note in report.notes],
        "judged_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip


# ---------------------------------------------------------------- into force
def activate_if_proven(*, grant: Grant, sample: SignedSample, plan: Plan) -> bool:
    """Bring a waiting grant into force by a sample that proves it; returns whether it did.

    `plan` is what the sample was judged against: where the grant was changed meanwhile, nothing happens and
    the sample is judged again later.
    """
    with transaction.atomic():
        held = Grant.objects.select_for_update(of=("self",)).filter(pk=grant.pk).first()
        if held is None or held.state != GrantState.UNPROVEN or not sample.is_proof:
            return False
        if services.authorized_plan(held) != plan:
            return False
        authorization = held.senders
        authorization.proven_by = sample
        authorization.save(update_fields=["proven_by"])
        try:
            event = change_grant(
                grant=held, action="prove", actor=None, reason=sample.reason, state=GrantState.ACTIVE
            )
        except Stale:
            transaction.set_rollback(True)
            return False
        notices.changed(grant=held, event=event)
    grant.refresh_from_db()
    return True


def recheck_unproven() -> int:
    """Judge what waits: the new samples, and those of every unproven grant; returns how many it activated.

    One that fails is logged, and the others go on. Bounded: a few samples for each grant.
    """
    for sample in unjudged()[:UNJUDGED_AT_ONCE]:
        _guarded(sample)
    activated = 0
    waiting = Grant.objects.filter(
        kind="senders", state=GrantState.UNPROVEN, ends_on__gte=timezone.localdate()
    )
    for grant in waiting.order_by("pk").iterator(chunk_size=200):
        for service_request in requests_of(grant):
            adopt_attachments(service_request=service_request)
        for sample in samples_of_grant(grant)[:REJUDGED]:
            _guarded(sample)
            if not Grant.objects.filter(pk=grant.pk, state=GrantState.UNPROVEN).exists():
                activated += 1
                break
    return activated


def _guarded(sample: SignedSample) -> None:
    try:
        judge_sample(sample=sample)
    except Exception:
        logger.exception("Sample %s could not be judged; the others go on.", sample.pk)


# ---------------------------------------------------------------- reading
def unjudged() -> Any:
    """Samples without any verdict, oldest first."""
    return SignedSample.objects.filter(outcome="").select_related("service_request").order_by("id")


def requests_of(grant: Grant) -> list[ServiceRequest]:
    """The request that led to the grant, and the renewals and changes after it."""
    later = ServiceRequest.objects.filter(about_grant__grant=grant)
    return [grant.request, *later]


def samples_of_grant(grant: Grant) -> Any:
    """All samples of a grant's requests, newest first."""
    return SignedSample.objects.filter(service_request__in=requests_of(grant)).select_related(
        "service_request"
    )


def samples_for(service_request: ServiceRequest) -> Any:
    """The samples that a request's page shows: those of its grant, or its own before there is one."""
    grant = grant_of(service_request)
    if grant is not None:
        return samples_of_grant(grant)
    return SignedSample.objects.filter(service_request=service_request).select_related("service_request")


def newest_judged(service_request: ServiceRequest) -> SignedSample | None:
    """The newest sample with a verdict."""
    found: SignedSample | None = samples_for(service_request).exclude(outcome="").first()
    return found


def why_unproven(samples: Iterable[SignedSample]) -> str:
    """Why a grant still waits, from its samples, newest first."""
    for sample in samples:
        if sample.outcome:
            word = "could not be judged yet" if sample.outcome == Outcome.UNKNOWN else "does not prove it"
            return f"The newest message {word}: {sample.reason}"
        return "A message arrived and is being judged."
    return "No message of the service was seen yet."
