"""A changed policy is applied to everybody it concerns."""
