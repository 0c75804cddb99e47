"""`careline score`: what scoring knows, asked from the shell."""
