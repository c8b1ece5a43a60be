"""Incidents: every permission of a person, a system or a vendor is suspended at once (MKT-3)."""
