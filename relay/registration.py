"""What this app adds to others."""

from portal.api.filing import FILINGS
from portal.enforcement.targets import EXPORT_TARGETS
from portal.lib.registration import AppRegistration
from portal.standards.editions import CHAPTERS
from portal.workflow.registry import KINDS
from relay.api import FILING
from relay.clauses import CHAPTER
from relay.exports import PostfixRelay
from relay.firewall import Firewall
from relay.kind import RelayKind

REGISTRATION = AppRegistration(
    KINDS.contribution(RelayKind()),
    CHAPTERS.contribution(CHAPTER),
    FILINGS.contribution(FILING),
    EXPORT_TARGETS.contribution(PostfixRelay(), Firewall()),
)
