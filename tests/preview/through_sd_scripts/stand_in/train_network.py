"""Is there, as in a checkout."""
