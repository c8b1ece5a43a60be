"""What `manage.py` finds in this room."""
