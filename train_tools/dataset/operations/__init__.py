"""What preprocessing does to an image, one small function a file; `pictures` puts them together.

What cuts gives `Crop`s of the upright image; so a picture is scaled once, from the original's own pixels.
"""
