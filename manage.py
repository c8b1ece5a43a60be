#!/usr/bin/env python
"""Run the portal's management commands, with the development `.env` beside this file if there is one."""

import sys

from django.core.management import execute_from_command_line

from portal import env


def main() -> None:
    """Hand the words of the command line to Django."""
    env.load_dotenv()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
