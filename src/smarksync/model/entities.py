"""The whole schema as data: every entity, and the custom fields that a config adds."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

from .account import ACCOUNT
from .activity import ACTIVITY
from .campaign import CAMPAIGN, MEMBERSHIP
from .fields import CustomField, Entity, SchemaProblem, make_field
from .lead import LEAD
from .opportunity import OPPORTUNITY
from .people import OWNER, PERSONA

#: Every canonical entity by name, without custom fields.
ENTITIES: Mapping[str, Entity] = MappingProxyType(
    {one.name: one for one in (LEAD, ACCOUNT, OPPORTUNITY, ACTIVITY, CAMPAIGN, MEMBERSHIP, OWNER, PERSONA)}
)

_EMPTY: Mapping[str, Mapping[str, CustomField]] = MappingProxyType({})


def schema(custom: Mapping[str, Mapping[str, CustomField]] = _EMPTY) -> Mapping[str, Entity]:
    """:data:`ENTITIES` with a config's own fields (``entities.<entity>.fields.<name>``) added.

    Raises SchemaProblem for an unknown entity or type, a ref to nothing, or a name that is taken.
    """
    whole = dict(ENTITIES)
    for entity, more in custom.items():
        if entity not in whole:
            near = get_close_matches(entity, whole, 1)
            hint = f"; did you mean `{near[0]}`?" if near else f"; entities are {', '.join(whole)}"
            raise SchemaProblem(f"no entity `{entity}`{hint}")
        added = []
        for name, one in more.items():
            if not name.isidentifier():
                raise SchemaProblem(f"`{name}` is no field name: use letters, digits and `_`")
            made = make_field(name, one.type, one.values)
            if made.ref is not None and made.ref not in whole:
                raise SchemaProblem(f"`{name}`: no entity `{made.ref}` to point at")
            added.append(made)
        whole[entity] = whole[entity].with_fields(added)
    return MappingProxyType(whole)
