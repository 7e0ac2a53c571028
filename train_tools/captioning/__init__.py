"""Captions for processed images: one interface, a row in the registry for each captioner."""
