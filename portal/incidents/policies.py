"""Who may open and close an incident."""

from portal.accounts.models import User
from portal.grants.policies import MANAGERS
from portal.lib.problems import NotAllowed


def may_handle(actor: User) -> bool:
    """Whether the actor may handle incidents: IT reviewers, the postmaster and the CIO office, who may also
    suspend a single permission.
    """
    return actor.has_role(*MANAGERS)


def check_may_handle(actor: User) -> None:
    """Raise NotAllowed for everybody else."""
    if not may_handle(actor):
        raise NotAllowed("Incidents are for IT reviewers and the CIO office.")
