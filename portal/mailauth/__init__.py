"""SPF, DKIM and DMARC of a domain and of a message: pure, typed, no Django models, one resolver passed in."""
