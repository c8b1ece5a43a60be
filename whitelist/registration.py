"""What this app adds to others."""

from portal.enforcement.targets import EXPORT_TARGETS
from portal.lib.registration import AppRegistration
from portal.standards.editions import CHAPTERS
from portal.workflow.registry import KINDS
from whitelist.clauses import CHAPTER
from whitelist.exchange import ExchangeOnline
from whitelist.exports import Rspamd, SpamAssassin
from whitelist.kind import WhitelistKind

REGISTRATION = AppRegistration(
    KINDS.contribution(WhitelistKind()),
    CHAPTERS.contribution(CHAPTER),
    EXPORT_TARGETS.contribution(Rspamd(), SpamAssassin(), ExchangeOnline()),
)
