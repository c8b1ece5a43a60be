"""Services of renewals."""
