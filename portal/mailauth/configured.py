"""The one DNS client as the settings configure it, for everything in the portal that asks."""

from django.conf import settings

from portal.mailauth.resolver import Resolver
from portal.mailauth.servers import parse_servers


def configured_resolver() -> Resolver:
    """The name servers of DNS_RESOLVER, or the system's, with DNS_DEADLINE_SECONDS for a whole report."""
    servers = parse_servers(settings.DNS_RESOLVER) if settings.DNS_RESOLVER else ()
    return Resolver(servers, deadline_seconds=settings.DNS_DEADLINE_SECONDS)
