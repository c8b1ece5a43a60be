"""Checks of a message to many people, as a library: no models, no settings, no network and no clock.

`parsing.parse_message` reads an .eml file, `checks.check_message` returns its findings, `canonical.canonical_sha256` the
digest that an approval keeps, `canonical.differences` what differs between two messages, and `preview.sanitized_html` HTML
that is safe to show. On the command line: `python -m portal.message_checks FILE`.
"""
