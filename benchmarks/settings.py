"""Settings of the benchmarks: production's own (DEBUG off, manifest storage), with the floor view's addresses."""

from portal.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
LOGGING_CONFIG = None
