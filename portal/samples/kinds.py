"""The interface of kinds for which real messages count: what a message must show, and its effect.

Permissions of some kinds wait for their proof (`needs_proof`); others are in force at once, and their proof is requested afterwards (`proves_signing`).
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from portal.grants.kinds import GrantingKind
from portal.grants.models import Grant
from portal.lib.outcome import Outcome
from portal.lib.text import sentence_list
from portal.mailauth.message_intake import Message
from portal.mailauth.message_report import MessageReport
from portal.samples.models import SignedSample
from portal.samples.probe import give_token, probe_address
from portal.workflow import registry
from portal.workflow.details import Detail
from portal.workflow.models import ServiceRequest
from portal.workflow.states import State


@dataclass(frozen=True)
class Wanted:
    """What a sample must show: From at one of the domains, with a valid, aligned DKIM signature.

    `signing_domain` is the only signer that counts; empty if every aligned one does.
    """

    from_domains: frozenset[str]
    signing_domain: str = ""

    @property
    def sentence(self) -> str:
        """The same for people."""
        domains = sentence_list(sorted(domain for domain in self.from_domains if domain), "or")
        signer = f"says d={self.signing_domain}" if self.signing_domain else "is of the same organization"
        return f"It counts when From is at {domains or 'the domain asked for'} and a valid DKIM signature {signer}."


class SampledKind(GrantingKind):
    """A kind whose requests have their own probe address and a page of samples."""

    samples_title = "Samples"
    proves_signing = False
    """Whether a permission is in force without proof, and must show afterwards that its mail is signed (OVR-4)."""
    takes_uploads = True
    """Whether a message may be uploaded as a file; False where only one that was sent to the probe address counts."""
    probe_words = (
        "Let the service send one real message, as it will send later, to this address. "
        "It belongs to this request alone."
    )
    probe_condition = ""
    """When a message counts, in one sentence, if that is more than `wanted` says."""
    samples_template = ""
    """A template of the kind's own below the samples, with what `samples_context` gives; "" for none."""

    def new_detail(self, service_request: ServiceRequest) -> Detail:
        """The empty detail row, and a probe address."""
        give_token(service_request=service_request)
        return super().new_detail(service_request)

    @abstractmethod
    def wanted(self, service_request: ServiceRequest, grant: Grant | None) -> Wanted:
        """What a sample of the request must show; of its grant, once there is one."""

    def closer_verdict(
        self, *, sample: SignedSample, grant: Grant | None, message: Message, report: MessageReport
    ) -> tuple[Outcome, str] | None:
        """The kind's own result for a message that shows what is `wanted`; None if that is enough. Without DNS
        queries.
        """
        return None

    def proof_instructions(self, grant: Grant) -> list[tuple[str, str]]:
        """(label, value) of what the owner needs to prove the permission: for its page, and for the reminders."""
        return [("Probe address", probe_address(grant.latest_request))]

    def on_judged(self, *, sample: SignedSample, grant: Grant | None, wanted: Wanted) -> None:
        """Called when a sample was checked against `wanted`. Outside transactions."""

    def on_disproved(self, *, sample: SignedSample, grant: Grant) -> bool:
        """Called when a sample that counted as proof of `grant` proves nothing by today's rules. Outside
        transactions. Return False if the effect on the grant is unknown: then it is called again.
        """
        return True

    def samples_context(self, service_request: ServiceRequest, grant: Grant | None) -> Mapping[str, Any]:
        """What `samples_template` shows."""
        return {}

    def links(self, service_request: ServiceRequest) -> list[tuple[str, str]]:
        """The links of the grant and of the page of samples; if mail flows only after the approval, from then on."""
        if self.proves_signing and service_request.state != State.APPROVED:
            return super().links(service_request)
        page = reverse("samples", args=[service_request.reference])
        return [*super().links(service_request), (self.samples_title, page)]

    def grant_links(self, grant: Grant) -> list[tuple[str, str]]:
        """The page of samples of the latest request."""
        return [(self.samples_title, reverse("samples", args=[grant.latest_request.reference]))]


def sampled_kind(key: str) -> SampledKind | None:
    """The registry's entry for `key`; None if that kind takes no samples."""
    kind = registry.get(key)
    return kind if isinstance(kind, SampledKind) else None


def proving_keys() -> list[str]:
    """The kinds whose permissions must show, once they are in force, that their mail is signed."""
    return [kind.key for kind in registry.kinds() if isinstance(kind, SampledKind) and kind.proves_signing]


def sampled_keys() -> list[str]:
    """The kinds that want samples."""
    return [kind.key for kind in registry.kinds() if isinstance(kind, SampledKind)]
