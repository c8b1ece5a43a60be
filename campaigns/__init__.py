"""Campaigns, large-volume mail and surveys: one exact message to one audience in one window, approved by the CIO."""
