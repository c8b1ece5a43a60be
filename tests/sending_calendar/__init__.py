"""The calendar of campaigns and surveys: windows, months, and the feed."""
