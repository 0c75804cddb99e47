"""`careline playbook`: checked, shown, rehearsed on the real log, published."""
