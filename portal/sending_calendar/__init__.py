"""The calendar of mailings and surveys: who is written to and when, what days are free, and a feed of it."""
