"""Locking a grant for the rest of a transaction."""

from portal.grants.models import Grant


def locked_grant(pk: int) -> Grant:
    """Lock the grant and return it as it is then. Raises Grant.DoesNotExist.

    Without its people: after waiting, PostgreSQL joins again with the rows it had found before, and where another
    transaction gave the grant a new owner meanwhile, a join to the old one finds nothing at all.
    """
    return Grant.objects.select_for_update().get(pk=pk)
