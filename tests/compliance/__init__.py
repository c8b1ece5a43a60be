"""What stays true: the daily checks of grants."""
