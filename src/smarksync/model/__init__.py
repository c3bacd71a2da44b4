"""The canonical schema as data: entities, fields, types, their equality, and the scales leads move on."""

from . import consent, email, journey, lifecycle, names, roles, version
from .consent import Claim, Outcome, Status
from .convert import Converter, converter, equal, normalise, python_value
from .domains import is_free_mail, registrable_domain
from .entities import ENTITIES, schema
from .fields import GROUPS, TYPES, CustomField, Entity, Field, SchemaProblem, make_field, parse_type
from .lifecycle import Moves
from .phone import phone_parsed
from .values import ABSENT, Absent, ValueProblem, blank
from .version import VERSION, upgrade

__all__ = [
    "ABSENT",
    "ENTITIES",
    "GROUPS",
    "TYPES",
    "VERSION",
    "Absent",
    "Claim",
    "Converter",
    "CustomField",
    "Entity",
    "Field",
    "Moves",
    "Outcome",
    "SchemaProblem",
    "Status",
    "ValueProblem",
    "blank",
    "consent",
    "converter",
    "email",
    "equal",
    "is_free_mail",
    "journey",
    "lifecycle",
    "make_field",
    "names",
    "normalise",
    "parse_type",
    "phone_parsed",
    "python_value",
    "registrable_domain",
    "roles",
    "schema",
    "upgrade",
    "version",
]
