"""One of everything, so that every address of the portal leads somewhere."""

from dataclasses import dataclass
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from campaigns.models import CampaignRequest, ListUse
from portal.grants.models import Grant
from portal.outbox.models import Delivery, Notification
from portal.webhooks import services as webhooks
from portal.webhooks.models import Delivery as WebhookDelivery
from portal.workflow import registry
from portal.workflow.models import ServiceRequest
from portal.workflow.services import attaching, requesting
from relay.models import RelayRequest
from senders.models import FromAddress
from tests.campaigns import cast as campaigns
from tests.cast import Cast, approve, approved, client_of, fresh, relay_draft, submitted

ROLES = (
    "anonymous",
    "requester",
    "colleague",
    "outsider",
    "reviewer",
    "postmaster",
    "cio",
    "auditor",
    "admin",
)


@dataclass(frozen=True)
class World:
    """A draft, a request in review with a file, a grant, a dead failed_email, a person who was asked for consent, a
    sender authorization in review, a campaign that was approved and went to a large list, and a webhook.
    """

    cast: Cast
    draft: ServiceRequest
    request: ServiceRequest
    grant: Grant
    file: int
    failed_email: int
    consent: int
    senders: ServiceRequest
    senders_consent: int
    campaign: ServiceRequest
    list_use: int
    webhook: int
    hook_delivery: int

    def client(self, role: str) -> Client:
        """A browser of that person; the co-owner is the colleague."""
        return Client() if role == "anonymous" else client_of(getattr(self.cast, role))


@pytest.fixture
def world(cast: Cast) -> World:
    shared: dict[str, Any] = {"co_owner": cast.colleague}
    grant = approved(cast, **shared)
    request = submitted(cast, address="129.118.10.21", sender=cast.colleague.email, **shared)
    upload = SimpleUploadedFile("note.txt", b"Where the copier stands.")
    file = attaching.attach(service_request=request, actor=cast.requester, upload=upload)
    draft = relay_draft(cast, address="129.118.10.22", **shared)
    failed_email = Notification.objects.first()
    assert failed_email is not None
    Notification.objects.filter(pk=failed_email.pk).update(state=Delivery.DEAD)
    consent = RelayRequest.of(fresh(request)).senders.get().pk
    senders = senders_request(cast)
    campaign = campaigns.submitted(cast, **shared)
    permission = approve(cast, campaign, actor=cast.cio).campaign
    use = ListUse.objects.create(
        permission=permission,
        canonical_sha256=permission.canonical_sha256,
        list_address="students-all@ttu.edu",
        queue_id="4cQ2Xk1bz9zX",
        client="129.118.7.7",
        envelope_sender="b@ttu.edu",
        passed_at=timezone.now(),
    )
    return World(
        cast,
        fresh(draft),
        fresh(request),
        grant,
        file.pk,
        failed_email.pk,
        consent,
        senders,
        asked_of_the_colleague(cast, senders, campaign),
        fresh(campaign),
        use.pk,
        *webhook_with_a_dead_delivery(cast),
    )


def asked_of_the_colleague(cast: Cast, senders: ServiceRequest, campaign: ServiceRequest) -> int:
    """The colleague was asked for the use of their address, by a service and by a campaign that is decided by now."""
    CampaignRequest.objects.filter(pk=campaign.pk).update(asked_of=cast.colleague.email)
    row = FromAddress.objects.create(
        sender_request_id=senders.pk, address=cast.colleague.email, asked_of=cast.colleague.email
    )
    return row.pk


def webhook_with_a_dead_delivery(cast: Cast) -> tuple[int, int]:
    """An endpoint, and a delivery to it that was given up."""
    endpoint = webhooks.register_endpoint(
        actor=cast.admin, url="https://hooks.example.edu/", description="Tickets", events=["grant.revoked"]
    )
    delivery = webhooks.send_test(actor=cast.admin, endpoint=endpoint)
    WebhookDelivery.objects.filter(pk=delivery.pk).update(state="dead")
    return endpoint.pk, delivery.pk


def senders_request(cast: Cast) -> ServiceRequest:
    """A request of the senders kind at its first stage, for its page of samples."""
    kind = registry.get("senders")
    request = requesting.create_draft(kind=kind, requester=cast.requester, co_owner=cast.colleague)
    stage = kind.stages[0]
    ServiceRequest.objects.filter(pk=request.pk).update(
        state="in_review",
        stage=stage.key,
        stage_role=str(stage.role),
        submitted_at=timezone.now(),
        due_on=timezone.localdate(),
    )
    return fresh(request)
