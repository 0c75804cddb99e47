"""`careline ticket`: tickets and the promises on them."""
