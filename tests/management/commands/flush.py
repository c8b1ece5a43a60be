"""In place of Django's command, which runs after each test that commits: see `tests.support.database`."""

from typing import Any

from django.core.management.commands.flush import Command as DjangoCommand

from tests.support.database import restore


class Command(DjangoCommand):
    """Bring the database back to what every test starts from."""

    def handle(self, **options: Any) -> None:
        restore()
