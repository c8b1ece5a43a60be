"""The API for programs: requests, permissions and decisions to read, requests and renewals to file."""
