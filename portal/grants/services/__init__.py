"""Every write to a grant; pages, tasks and commands share these functions."""
