"""The evidence on a request's page: checking again, then and now, pictures, waivers."""
