"""Loaded by the webui, which has the extension's folder on its path while it does."""

from train_tools.hosts.door import open_door

open_door()
