"""TechMail Portal: the Django project and all that the request kinds share."""
