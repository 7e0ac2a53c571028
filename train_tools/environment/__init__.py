"""The training environment: made, kept up to date and entered with the standard library alone."""
