"""`careline policy`: a policy is checked, compared, tried on the facts, published, taken back."""
