"""Protected values (REC-7): who sees which, with a reason, a second factor, and a trace of it.

`reading.py` is what happens with a request; `audit.py` the chain that its trace becomes part of;
`codes.py` the one-time codes; `masks.py` what is left of a value that may not be seen whole.
"""
