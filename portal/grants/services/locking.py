"""A grant held for the rest of a transaction."""

from portal.grants.models import Grant


def locked_grant(pk: int) -> Grant:
    """The grant as it is once nobody else holds it. Raises Grant.DoesNotExist.

    Without its people: after waiting, PostgreSQL joins again with the rows it had found before, and where another
    transaction gave the grant a new owner meanwhile, a join to the old one finds nothing at all.
    """
    return Grant.objects.select_for_update().get(pk=pk)
