"""Who may handle mail that could not be delivered."""

from portal.accounts.models import User
from portal.accounts.roles import Role


def may_handle_mail(actor: User) -> bool:
    """Whether the person may see, retry and discard messages that were given up; they show recipients."""
    return actor.has_role(Role.ADMINISTRATOR, Role.REVIEWER, Role.POSTMASTER)
