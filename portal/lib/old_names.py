"""Old names of commands, which work for one version and say what the command is called now."""

from typing import Any

from django.core.management.base import BaseCommand


class OldCommandName(BaseCommand):
    """Mixed into a command under its old name: says the new one on standard error, then runs."""

    new_name: str

    def execute(self, *args: Any, **options: Any) -> Any:
        """Run the command after the notice."""
        self.stderr.write(
            f"This command is now called {self.new_name}. The old name goes with the next version."
        )
        return super().execute(*args, **options)
