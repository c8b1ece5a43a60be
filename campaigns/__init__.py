"""Campaigns, large-volume mail and surveys: one exact message, one audience, one window, signed off by the CIO."""
