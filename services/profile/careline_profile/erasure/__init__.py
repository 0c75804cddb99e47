"""Erasure (REC-7): a person is forgotten here at once, and by everybody; the receipt says where.

`orders.py` is what happens when somebody asks; `returning.py` keeps late events from bringing the
person back, and lets one who comes back be a new customer; `receipts.py` gathers what was done.
"""
