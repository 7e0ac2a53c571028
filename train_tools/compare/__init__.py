"""From all checkpoints of a version to the one to keep: board, marks, votes, curves, scores, advice."""
