"""Who may see and who may change where events go."""

from portal.accounts.models import User
from portal.accounts.roles import Role
from portal.lib.problems import NotAllowed


def may_read(actor: User) -> bool:
    """Administrators and auditors."""
    return actor.has_role(Role.ADMINISTRATOR, Role.AUDITOR)


def may_handle(actor: User) -> bool:
    """Administrators alone: an endpoint carries what happens here to another machine."""
    return actor.has_role(Role.ADMINISTRATOR)


def check_may_read(actor: User) -> None:
    """Raise NotAllowed for everybody else."""
    if not may_read(actor):
        raise NotAllowed("Webhooks are for administrators and auditors.")


def check_may_handle(actor: User) -> None:
    """Raise NotAllowed for everybody else."""
    if not may_handle(actor):
        raise NotAllowed("Only administrators handle webhooks.")
