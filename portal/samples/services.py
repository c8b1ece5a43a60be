"""Signed samples: storing them, checking them, and adding the result to the evidence. The DNS is queried before
any transaction starts.
"""

import hashlib
import logging
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.grants.models import Grant, GrantEvent
from portal.grants.selectors import grant_of
from portal.grants.services.locking import locked_grant
from portal.grants.states import GrantState
from portal.lib import confined, dispatch
from portal.lib.outcome import Outcome
from portal.lib.problems import Problem
from portal.mailauth.configured import configured_resolver
from portal.mailauth.message_intake import LARGEST_BYTES, MessageRefused, read_message
from portal.mailauth.message_report import MEGABYTES, READ_SECONDS, check_message, limits_of
from portal.samples.kinds import SampledKind, Wanted, sampled_kind
from portal.samples.models import SignedSample, SigningProof
from portal.samples.selectors import judged_by_older_rules, samples_for, unjudged
from portal.samples.verdict import RULES, evidence_of, verdict_on
from portal.workflow.models import CheckRun, ServiceRequest
from portal.workflow.services import checking
from portal.workflow.states import LIVE_STATES

logger = logging.getLogger(__name__)
MOST_SAMPLES = 50
"""The most samples of one request."""
MOST_ATTACHMENTS = 5
UNJUDGED_AT_ONCE = 100
REJUDGED = 5
LATELY = timedelta(seconds=60)
"""A result younger than this is reused, since a check queries other people's name servers."""


class SampleRefused(Problem):
    """The message is refused; `str(error)` says why."""


# ---------------------------------------------------------------- taking in
def receive_sample(
    *,
    service_request: ServiceRequest,
    raw: bytes,
    source: SignedSample.Source,
    came_from: str = "",
    name: str = "",
) -> SignedSample:
    """Store the raw bytes of a message as evidence, once for each content; it is checked later.

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
                service_request=service_request,
                source=source,
                sha256=digest,
                size=len(raw),
                file=path,
                came_from=came_from[:300],
                name=name[:255],
            )
    except IntegrityError:
        return SignedSample.objects.get(service_request=service_request, sha256=digest)


def adopt_attachments(*, service_request: ServiceRequest) -> None:
    """Store and check the newest .eml files of the request that are not samples yet."""
    if not _kind_of(service_request).takes_uploads:
        return
    files = service_request.attachments.filter(content_type="message/rfc822")
    known = SignedSample.objects.filter(service_request=service_request).values("sha256")
    fresh = files.exclude(sha256__in=known).select_related("uploaded_by").order_by("-id")[:MOST_ATTACHMENTS]
    for attachment in reversed(list(fresh)):
        try:
            with attachment.file.open("rb") as opened:
                sample = receive_sample(
                    service_request=service_request,
                    raw=opened.read(),
                    source=SignedSample.Source.UPLOAD,
                    came_from=attachment.uploaded_by.email,
                    name=attachment.name,
                )
        except (OSError, SampleRefused) as error:
            logger.warning("Attachment %s is no sample: %s", attachment.pk, error)
            continue
        judge_sample(sample=sample)


# ---------------------------------------------------------------- judging
def judge_sample(*, sample: SignedSample) -> SignedSample:
    """Check a sample now, store the result, and call its kind."""
    service_request = sample.service_request
    kind, grant = _kind_of(service_request), grant_of(service_request)
    wanted = kind.wanted(service_request, grant)
    outcome, reason, evidence = _verdict(sample, wanted)
    columns: dict[str, Any] = {
        "outcome": str(outcome),
        "reason": reason,
        "is_proof": outcome is Outcome.PASS,
        "evidence": evidence,
        "judged_at": timezone.now(),
    }
    SignedSample.objects.filter(pk=sample.pk).update(**columns)
    for column, value in columns.items():
        setattr(sample, column, value)
    kind.on_judged(sample=sample, grant=grant, wanted=wanted)
    return sample


def judged_lately(*, sample: SignedSample) -> SignedSample:
    """The sample with a result of the last minute: unchanged, or checked now."""
    is_recent = sample.judged_at is not None and sample.judged_at > timezone.now() - LATELY
    return sample if is_recent and sample.outcome != Outcome.UNKNOWN else judge_sample(sample=sample)


def is_settled(sample: SignedSample) -> bool:
    """Whether it proved a grant that is in force: then its result stays, whatever happens to its key."""
    grant = grant_of(sample.service_request) if sample.is_proof else None
    return grant is not None and grant.state == GrantState.ACTIVE


def _kind_of(service_request: ServiceRequest) -> SampledKind:
    kind = sampled_kind(service_request.kind)
    if kind is None:
        raise TypeError(f"Requests of the kind {service_request.kind!r} take no samples.")
    return kind


def _verdict(sample: SignedSample, wanted: Wanted) -> tuple[Outcome, str, dict[str, Any]]:
    try:
        with sample.file.open("rb") as opened:
            raw = opened.read()
        report = check_message(raw, resolver=configured_resolver())
    except MessageRefused as error:
        return Outcome.FAIL, str(error), {}
    except confined.Busy as error:
        return Outcome.UNKNOWN, str(error), {}
    except OSError:
        return Outcome.UNKNOWN, "The stored message could not be read.", {}
    outcome, reason = verdict_on(report, wanted)
    evidence = evidence_of(report, wanted)
    if outcome is Outcome.PASS:
        kind, grant = _kind_of(sample.service_request), grant_of(sample.service_request)
        try:
            message = confined.run(read_message, raw, seconds=READ_SECONDS, megabytes=MEGABYTES)
        except (confined.Exceeded, confined.Busy) as error:
            return Outcome.UNKNOWN, str(error), evidence
        closer = kind.closer_verdict(sample=sample, grant=grant, message=message, report=report)
        outcome, reason = closer or (outcome, reason)
    return outcome, reason, evidence


@transaction.atomic
def keep_signing_proof(
    *, grant: Grant, sample: SignedSample, signing_domain: str, holds: Callable[[Grant], bool]
) -> bool:
    """Record that `sample` shows that the mail of `grant` is signed; return whether it was recorded. `holds`
    says, for the locked and reloaded grant, whether what the sample was checked against still applies. A proof
    that came later than `sample` stays.
    """
    held = locked_grant(grant.pk)
    if not held.is_open or not sample.is_proof or not holds(held):
        return False
    before = SigningProof.objects.filter(grant=held).first()
    if before is not None and before.is_current and before.proven_at >= sample.received_at:
        return False
    address = str(sample.evidence.get("from") or "").lower()
    SigningProof.objects.update_or_create(
        grant=held,
        defaults={
            "sample": sample,
            "from_address": address,
            "signing_domain": signing_domain,
            "proven_at": sample.received_at,
            "outdated_at": None,
        },
    )
    if before is None or not before.is_current:
        GrantEvent.objects.create(
            grant=held, action="signed", from_state=held.state, to_state=held.state, reason=sample.reason
        )
    return True


def outdate_signing_proof(*, grant: Grant, senders: Collection[str]) -> None:
    """After a change of `grant`: a proof from a sender that it may no longer use asks for a new one."""
    stale = SigningProof.objects.filter(grant=grant, outdated_at__isnull=True).exclude(
        from_address__in=[sender.lower() for sender in senders]
    )
    stale.update(outdated_at=timezone.now())


def take_into_account(*, sample: SignedSample) -> None:
    """Check a sample that has just arrived, and add it to the evidence of a request in review."""
    judge_sample(sample=sample)
    refresh_evidence(service_request=sample.service_request)


def refresh_evidence(*, service_request: ServiceRequest) -> None:
    """Run the checks of a request in review again because its samples changed; do nothing for others."""
    service_request = ServiceRequest.objects.get(pk=service_request.pk)
    if service_request.state not in LIVE_STATES:
        return
    found = checking.run_checks(service_request)
    with transaction.atomic():
        held = ServiceRequest.objects.select_for_update().get(pk=service_request.pk)
        # It was decided or answered meanwhile: that ran the checks itself, and a decision's evidence stays unchanged.
        if held.state in LIVE_STATES and held.revision == service_request.revision:
            checking.save_check_run(service_request=held, found=found, occasion=CheckRun.Occasion.SAMPLE)


def judge_newest(*, service_request: ServiceRequest) -> None:
    """Store the request's .eml files, check its newest samples again, and add them to its evidence."""
    adopt_attachments(service_request=service_request)
    for sample in samples_for(service_request)[:REJUDGED]:
        if not is_settled(sample):
            judge_again(sample=sample)
    refresh_evidence(service_request=service_request)


# ---------------------------------------------------------------- by a worker
def judge_soon(*, sample: SignedSample) -> None:
    """Dispatch the check of a sample that has arrived, so that no web request waits for other people's name servers."""
    dispatch.start(
        "portal.samples.tasks.judge_sample", sample.pk, otherwise="the sweep will judge the sample"
    )


def judge_newest_soon(*, service_request: ServiceRequest) -> bool:
    """Dispatch `judge_newest`; return False without a broker."""
    return dispatch.start(
        "portal.samples.tasks.judge_newest", service_request.pk, otherwise="the page asks to try again"
    )


# ---------------------------------------------------------------- proofs of before
def review_old_proofs() -> int:
    """Check proofs accepted by older rules against today's, from the stored messages; return how many prove nothing.

    Only the message itself is checked again, with the key as it was seen then, since the key may have changed.
    """
    return sum(_guarded(_review, sample) for sample in judged_by_older_rules()[:UNJUDGED_AT_ONCE])


def _review(*, sample: SignedSample) -> None:
    kind, grant = _kind_of(sample.service_request), grant_of(sample.service_request)
    limit = _limit_of_old_proof(sample, kind.wanted(sample.service_request, grant))
    if limit:
        sample.evidence = sample.evidence | {"disproved": True}
        sample.is_proof, sample.outcome = False, str(Outcome.FAIL)
        sample.reason = f"It was taken for a proof, and proves nothing: {limit}."
        sample.save(update_fields=["evidence", "is_proof", "outcome", "reason"])
        if grant is not None and not kind.on_disproved(sample=sample, grant=grant):
            return  # the next run tries it again
    sample.evidence = sample.evidence | {"rules": RULES}
    sample.save(update_fields=["evidence"])


def _limit_of_old_proof(sample: SignedSample, wanted: Wanted) -> str:
    """Why no signature of an old proof proves anything, as a phrase; "" if one does."""
    try:
        with sample.file.open("rb") as opened:
            limits = confined.run(limits_of, opened.read(), seconds=READ_SECONDS, megabytes=MEGABYTES)
    except (MessageRefused, confined.Exceeded, OSError):
        return "the stored message cannot be read any more"
    found = []
    for limit, seen in zip(limits, sample.evidence.get("signatures", []), strict=False):
        if not (seen["valid"] and seen["aligned"] and wanted.signing_domain in ("", seen["d"])):
            continue
        tested = any(note.startswith("t=y") for note in seen.get("notes", []))
        found.append(limit or ("its key said t=y (testing; RFC 6376 section 3.6.1)" if tested else ""))
    return "" if "" in found else next(iter(found), "its signatures are not in the stored message")


def judge_waiting() -> int:
    """Check the samples without a result; return how many have one now. A failure stops no other."""
    return sum(_guarded(take_into_account, sample) for sample in unjudged()[:UNJUDGED_AT_ONCE])


def judge_again(*, sample: SignedSample) -> bool:
    """Check a sample in a periodic run; an error is logged, and returned as False."""
    return _guarded(judge_sample, sample)


def _guarded(act: Callable[..., Any], sample: SignedSample) -> bool:
    try:
        act(sample=sample)
    except Exception:
        logger.exception("Sample %s could not be judged; the others go on.", sample.pk)
        return False
    return True
