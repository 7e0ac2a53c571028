"""Projects and versions on disk: names, folders, files that are written whole, settings."""
