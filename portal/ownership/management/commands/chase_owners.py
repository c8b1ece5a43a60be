"""`manage.py chase_owners`: the old name of `reassign_unowned`, for one version."""

from portal.lib.old_names import OldCommandName
from portal.ownership.management.commands.reassign_unowned import Command as ReassignUnowned


class Command(OldCommandName, ReassignUnowned):
    """`reassign_unowned` under its old name."""

    new_name = "reassign_unowned"
