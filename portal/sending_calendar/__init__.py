"""The calendar of mailings and surveys: who gets mail and when, which days are free, and a feed."""
