"""The nouns. Row 0: nothing here imports anything of ours outside this folder."""
