"""The 100-point score, tags and tiers, each explained and on time."""
