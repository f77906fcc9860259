"""Proof packs: a decision with all it was made of, in one file that anyone can compute again."""
