"""What a kind says so that real messages count for its requests: whose they must be, and what they bring about."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse

from portal.grants.kinds import GrantingKind
from portal.lib.text import sentence_list
from portal.workflow import registry

if TYPE_CHECKING:
    from portal.grants.models import Grant
    from portal.samples.models import SignedSample
    from portal.workflow.models import ServiceRequest


@dataclass(frozen=True)
class Wanted:
    """What a sample must show: From at one of the domains, with a valid, aligned DKIM signature.

    `signing_domain` is the one signer that counts; empty where every aligned one does.
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
    """A kind whose requests have a probe address of their own and a page of samples."""

    samples_title = "Samples"
    samples_template = ""
    """A template of the kind's own below the samples, with what `samples_context` gives; "" for none."""

    @abstractmethod
    def wanted(self, service_request: "ServiceRequest", grant: "Grant | None") -> Wanted:
        """What a sample of the request must show; of its grant, once there is one."""

    def on_judged(self, *, sample: "SignedSample", grant: "Grant | None", wanted: Wanted) -> None:
        """A sample was judged against `wanted`. Outside transactions."""

    def on_disproved(self, *, sample: "SignedSample", grant: "Grant") -> bool:
        """A sample that once counted as proof of `grant` proves nothing by today's rules. Outside transactions.

        Returns False where it could not be told what that means for the grant: then it is asked again.
        """
        return True

    def samples_context(self, service_request: "ServiceRequest", grant: "Grant | None") -> Mapping[str, Any]:
        """What `samples_template` shows."""
        return {}

    def links(self, service_request: "ServiceRequest") -> list[tuple[str, str]]:
        """The grant, and the page of samples."""
        page = reverse("samples", args=[service_request.reference])
        return [*super().links(service_request), (self.samples_title, page)]

    def grant_links(self, grant: "Grant") -> list[tuple[str, str]]:
        """The page of samples of the latest request."""
        return [(self.samples_title, reverse("samples", args=[grant.latest_request.reference]))]


def sampled_kind(key: str) -> SampledKind | None:
    """The registry's entry for `key`; None where that kind wants no samples."""
    kind = registry.get(key)
    return kind if isinstance(kind, SampledKind) else None


def sampled_keys() -> list[str]:
    """The kinds that want samples."""
    return [kind.key for kind in registry.kinds() if isinstance(kind, SampledKind)]
