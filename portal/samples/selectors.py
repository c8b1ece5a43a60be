"""Which samples belong to what."""

from django.db.models import Q, QuerySet

from portal.accounts.models import User
from portal.grants.models import Grant
from portal.grants.selectors import grant_of
from portal.samples.kinds import sampled_keys
from portal.samples.models import SignedSample
from portal.samples.verdict import RULES
from portal.workflow.models import ServiceRequest


def unjudged() -> QuerySet[SignedSample]:
    """Samples without any verdict, oldest first."""
    return SignedSample.objects.filter(outcome="").select_related("service_request").order_by("id")


def judged_by_older_rules() -> QuerySet[SignedSample]:
    """Proofs that were judged by an older edition of the rules (`verdict.RULES`), oldest first.

    Among them are those that were found to be none, and whose permission has yet to hear of it.
    """
    older = Q(evidence__rules__isnull=True) | Q(evidence__rules__lt=RULES)
    proofs = Q(is_proof=True) | Q(evidence__disproved=True)
    return SignedSample.objects.filter(older, proofs).select_related("service_request").order_by("id")


def own_samples(service_request: ServiceRequest) -> QuerySet[SignedSample]:
    """The samples of this request alone, newest first."""
    return SignedSample.objects.filter(service_request=service_request).select_related("service_request")


def requests_of(grant: Grant) -> list[ServiceRequest]:
    """The request that led to the grant, and the renewals and changes after it."""
    later = ServiceRequest.objects.filter(about_grant__grant=grant)
    return [grant.request, *later]


def samples_of_grant(grant: Grant) -> QuerySet[SignedSample]:
    """All samples of a grant's requests, newest first."""
    of_grant = SignedSample.objects.filter(service_request__in=requests_of(grant))
    return of_grant.select_related("service_request")


def samples_for(service_request: ServiceRequest) -> QuerySet[SignedSample]:
    """The samples that a request's page shows: those of its grant, or its own before there is one."""
    grant = grant_of(service_request)
    return samples_of_grant(grant) if grant is not None else own_samples(service_request)


def newest_judged(service_request: ServiceRequest) -> SignedSample | None:
    """The newest sample with a verdict."""
    return samples_for(service_request).exclude(outcome="").first()


def sampled_request(actor: User, reference: str) -> ServiceRequest | None:
    """The request of a kind that wants samples, for those who may see it or hold the grant it led to."""
    of_kind = ServiceRequest.objects.filter(kind__in=sampled_keys(), reference=reference)
    found = of_kind.select_related("requester", "co_owner", "sponsor").first()
    if found is None or ServiceRequest.objects.visible_to(actor).filter(pk=found.pk).exists():
        return found
    grant = grant_of(found)
    sees_grant = grant is not None and Grant.objects.visible_to(actor).filter(pk=grant.pk).exists()
    return found if sees_grant else None
