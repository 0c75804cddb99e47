"""`careline bench`: how fast, how late, how large, measured on this machine in one run."""
