"""The API for programs: requests, grants and decisions to read, relay requests and renewals to file."""
