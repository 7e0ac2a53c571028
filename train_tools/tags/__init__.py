"""Editing of captions: what a caption is made of, changes to many at once, undo."""
