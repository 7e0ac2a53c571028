"""Measurements that a person starts; see README.md."""
