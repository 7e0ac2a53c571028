"""The board as one file that opens anywhere."""
