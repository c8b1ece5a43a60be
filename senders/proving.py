"""The proof of an authorization: a sample brings it into force, or its page says why none did.

A sample proves a grant when it is from one of the authorized domains and carries a valid, aligned DKIM
signature of the approved signing domain (OVR-4, AUT-3). DNS is asked before any transaction begins.
"""

import logging
from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from portal.grants import notices
from portal.grants.models import Grant
from portal.grants.services.transition import change_grant
from portal.grants.states import GrantState
from portal.lib import dispatch
from portal.lib.outcome import Outcome
from portal.lib.problems import Stale
from portal.samples.kinds import Wanted
from portal.samples.models import SignedSample
from portal.samples.selectors import requests_of, samples_of_grant
from portal.samples.services import adopt_attachments, judge_again
from senders import services

logger = logging.getLogger(__name__)
REJUDGED = 5
"""The newest samples of a waiting grant that are judged again: a key may have been published since."""


def wanted_of(grant: Grant) -> Wanted:
    """What a sample must show to prove the grant."""
    plan = services.authorized_plan(grant)
    return Wanted(plan.from_domains, plan.signing_domain)


def activate_if_proven(*, grant: Grant, sample: SignedSample, wanted: Wanted) -> bool:
    """Bring a waiting grant into force by a sample that proves it; returns whether it did.

    `wanted` is what the sample was judged against: where the grant was changed meanwhile, nothing happens and
    the sample is judged again later.
    """
    with transaction.atomic():
        held = Grant.objects.select_for_update(of=("self",)).filter(pk=grant.pk).first()
        if held is None or held.state != GrantState.UNPROVEN or not sample.is_proof:
            return False
        if wanted_of(held) != wanted:
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


def withdraw_proof(*, grant: Grant, sample: SignedSample) -> bool:
    """Have an authorization wait for a proof again, since `sample`, which brought it into force, proves nothing.

    Another sample that proves it takes the place of `sample`. Returns whether the grant waits now.
    """
    other = samples_of_grant(grant).filter(is_proof=True).exclude(pk=sample.pk).first()
    with transaction.atomic():
        held = Grant.objects.select_for_update(of=("self",)).get(pk=grant.pk)
        authorization = held.senders
        if authorization.proven_by_id != sample.pk:
            return False
        authorization.proven_by = other
        authorization.save(update_fields=["proven_by"])
        if other is not None or held.state != GrantState.ACTIVE:
            return False
        reason = f"{sample.reason} Let the service send a new message to the probe address."
        event = change_grant(
            grant=held, action="change", actor=None, reason=reason, state=GrantState.UNPROVEN
        )
        notices.changed(grant=held, event=event)
    grant.refresh_from_db()
    return True


def prove_soon(*, grant: Grant) -> None:
    """Ask a worker, once this transaction is done, whether a sample that came before the approval proves the grant."""
    if samples_of_grant(grant).filter(is_proof=True).exists():
        dispatch.after_commit("senders.tasks.prove_grant", grant.pk, otherwise="the sweep will prove it")


def prove(*, pk: int) -> bool:
    """Judge the newest samples of one waiting grant again; returns whether it came into force."""
    grant = Grant.objects.filter(pk=pk, kind="senders", state=GrantState.UNPROVEN).first()
    return grant is not None and _prove(grant)


def recheck_unproven() -> int:
    """Judge the newest samples of every unproven grant again; returns how many grants came into force.

    One that fails is logged, and the others go on. Bounded: a few samples for each grant.
    """
    waiting = Grant.objects.filter(
        kind="senders", state=GrantState.UNPROVEN, ends_on__gte=timezone.localdate()
    )
    return sum(_prove(grant) for grant in waiting.order_by("pk").iterator(chunk_size=200))


def _prove(grant: Grant) -> bool:
    for service_request in requests_of(grant):
        adopt_attachments(service_request=service_request)
    for sample in samples_of_grant(grant)[:REJUDGED]:
        judge_again(sample=sample)
        if not Grant.objects.filter(pk=grant.pk, state=GrantState.UNPROVEN).exists():
            return True
    return False


def why_unproven(samples: Iterable[SignedSample]) -> str:
    """Why a grant still waits, from its samples, newest first."""
    for sample in samples:
        if sample.outcome:
            word = "could not be judged yet" if sample.outcome == Outcome.UNKNOWN else "does not prove it"
            return f"The newest message {word}: {sample.reason}"
        return "A message arrived and is being judged."
    return "No message of the service was seen yet."
