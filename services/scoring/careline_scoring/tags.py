"""The tags of TAG-4 as they travel: what a record says as tags, their order, and their JSON."""

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import cast, get_args

from careline_contracts.events.scoring import TagName
from careline_scoring.model import Tags

ATTRIBUTES: Mapping[TagName, str] = {
    "party": "party",
    "side": "side",
    "region": "region",
    "industry": "industry",
    "care": "special_care",
}
"""Tags that the customer's record gives, each by the name of its attribute there."""

_PLACE = {name: place for place, name in enumerate(get_args(TagName))}


def of_record(attributes: Mapping[str, str | tuple[str, ...]]) -> Tags:
    """What profile says of a customer, as tags."""
    found = []
    for tag, attribute in ATTRIBUTES.items():
        if values := attributes.get(attribute):
            found.append((tag, (values,) if isinstance(values, str) else tuple(sorted(values))))
    return tuple(found)


@lru_cache(maxsize=4096)
def all_of(decided: Tags, record: Tags) -> Tags:
    """All tags of a customer, in the order of `TagName`: many customers carry the same."""
    return tuple(sorted(decided + record, key=lambda tag: _PLACE[tag[0]]))


@lru_cache(maxsize=4096)
def write_tags(tags: Tags) -> str:
    """The tags as a JSON object."""
    return json.dumps(dict(tags), ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=4096)
def read_tags(text: str) -> Tags:
    """The tags that a JSON object says, in the order of `TagName`."""
    found = ((cast(TagName, name), tuple(values)) for name, values in json.loads(text).items())
    return all_of(tuple(found), ())
