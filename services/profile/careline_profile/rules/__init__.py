"""Whose event it is, and which identities are one customer (REC-1, REC-2).

`partition` is the whole truth: customers are a function of the set of links, of people's verdicts
and of the policy. `attach` and `judge` bring the customers that are known up to it, and say how.
"""

from careline_profile.rules.attachment import approval, attach, judge, settle
from careline_profile.rules.names import customer_number, kind_of, link_name, token_of, usable
from careline_profile.rules.partition import Partition, links_people, partition

__all__ = [
    "Partition",
    "approval",
    "attach",
    "customer_number",
    "judge",
    "kind_of",
    "link_name",
    "links_people",
    "partition",
    "settle",
    "token_of",
    "usable",
]
