"""The policy service: Postfix asks it for every relay attempt, and it answers from the grants in force."""
