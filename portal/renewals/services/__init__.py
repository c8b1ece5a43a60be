"""What people do in the renewals room."""
