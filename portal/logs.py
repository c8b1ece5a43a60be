"""Log lines that a value cannot forge: one record is one line."""

import logging


class OneLineFormatter(logging.Formatter):
    """Format a record on one line; line breaks and control characters from values are escaped."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line; a traceback keeps its own lines, each indented so none looks like a record."""
        trace, record.exc_info, record.exc_text = record.exc_info, None, None
        line = "".join(
            c if c.isprintable() else c.encode("unicode_escape").decode() for c in super().format(record)
        )
        if trace:
            line += "\n    " + self.formatException(trace).replace("\n", "\n    ")
            record.exc_info = trace
        return line
