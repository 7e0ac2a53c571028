"""A checkpoint leaves the version: under a name of choice, with card, preview picture and metadata."""
