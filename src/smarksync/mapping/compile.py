"""From a mapping and a live schema to closures: everything that can be decided once is decided here."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from smarksync.errors import ConfigError
from smarksync.model import VERSION, Entity, Field, ValueProblem, converter
from smarksync.model.convert import parse_text
from smarksync.plugin import FieldInfo, FieldType, StreamSpec, Transform

from . import lint
from .agreement import Agrees, comparable, compile_agrees, flag_agrees, instant_agrees, means_itself, pair_agrees
from .choices import Remark, table_for
from .compiled import CompiledField, CompiledMapping, Convert, Inactive
from .inward import compile_inward, is_flag
from .kept import compile_kept
from .outward import compile_outward, is_identity
from .references import References, as_reference
from .spec import FieldMapping, ObjectMapping, Place
from .transforms import TRANSFORMS, find
from .vendor_types import TEXTUAL

_NO_WAY_BACK = "SMK-READ-ONLY"


class _Context(NamedTuple):
    stream: StreamSpec
    live: Mapping[str, FieldInfo]
    country: str | None
    currency: str | None
    transforms: Mapping[str, Transform]


def compile_mapping(
    connection: str,
    stream: StreamSpec,
    mapping: ObjectMapping,
    live: Sequence[FieldInfo],
    entity: Entity,
    *,
    country: str | None = None,
    currency: str | None = None,
    transforms: Mapping[str, Transform] = TRANSFORMS,
    references: References | None = None,
) -> CompiledMapping:
    """Compiles one stream's mapping.

    ``live`` is the stream's schema as ``describe`` gives it, ``country`` (alpha-2) and ``currency`` (ISO 4217) the
    config's defaults, ``transforms`` what :func:`.transforms.catalogue` gives, ``references`` exchanges record ids for
    entity ids (without it, fields that point at records hold the vendor's ids). Raises ConfigError with all problems,
    each with file and line. A preset field that the account lacks is inactive, with a warning.
    """
    context = _Context(stream, {info.name: info for info in live}, country, currency, transforms)
    mapping = _with_external_id(mapping, stream, entity, context.live)
    fields: dict[str, CompiledField] = {}
    inactive: list[Inactive] = []
    remarks: list[tuple[Place, Remark]] = []
    for name, one in mapping.fields.items():
        canonical = entity.fields.get(name)
        if canonical is None:
            hint = lint.nearest(name, entity.fields)
            remarks.append((one.place, Remark(name, f"{entity.name} has no field {name}{hint}", "", True)))
            continue
        if one.currency and not one.own and one.currency not in context.live:
            one = replace(one, currency=None)  # an account with one currency has no field to say which
        lacking = [vendor for vendor in (one.vendor, one.currency) if vendor and vendor not in context.live]
        if lacking and one.offered:
            continue  # nobody asked for it: it is there once `check --fix` was
        if lacking:
            if one.own:
                hint = lint.nearest(lacking[0], context.live)
                remarks.append((one.place, Remark(name, f"{stream.name} has no field {lacking[0]}{hint}", "", True)))
            else:
                inactive.append(Inactive(name, lacking[0], f"{lacking[0]} is missing or invisible in this account"))
            continue
        if canonical.group == "derived" and not {"first_name", "last_name"}.isdisjoint(mapping.fields):
            inactive.append(Inactive(name, one.vendor, "first_name or last_name is mapped here, too"))
            continue
        compiled, found = _compile_field(one, canonical, context)
        remarks.extend((one.place, remark) for remark in found)
        if compiled is not None:
            followed = references is not None and canonical.ref is not None
            fields[name] = as_reference(compiled, references) if followed and references is not None else compiled
    writers = [(field.name, vendor) for field in fields.values() if field.write for vendor in field.vendors]
    clashing = lint.clashes(sorted(writers, key=lambda writer: len(fields[writer[0]].vendors)))
    # an amount and a budget may share one currency field: only whole clashes count
    shared = {field.currency_vendor for field in fields.values() if field.currency_vendor}
    remarks.extend(
        (mapping.fields[remark.field].place, remark)
        for remark in clashing
        if fields[remark.field].vendor not in shared and fields[remark.field].currency_vendor not in shared
    )
    remarks.extend((mapping.place, remark) for remark in lint.unfilled(live, _filled(fields), stream))
    _raise(connection, stream, remarks)
    warnings = [_sentence(place, connection, stream, remark) for place, remark in remarks]
    warnings += [f"{connection}.{stream.name}: {one.name} is inactive: {one.reason}" for one in inactive]
    return _assemble(connection, mapping, entity, fields, tuple(inactive), tuple(warnings), context)


def _with_external_id(
    mapping: ObjectMapping, stream: StreamSpec, entity: Entity, live: Mapping[str, FieldInfo]
) -> ObjectMapping:
    """The stream's own field for our id counts as mapped where the account has it."""
    if stream.external_id not in live or "external_id" in mapping.fields or "external_id" not in entity.fields:
        return mapping
    one = FieldMapping("external_id", str(stream.external_id), own=False, place=mapping.place)
    return ObjectMapping(mapping.entity, {**mapping.fields, "external_id": one}, mapping.place)


def _filled(fields: Mapping[str, CompiledField]) -> frozenset[str]:
    return frozenset(vendor for field in fields.values() if field.write for vendor in field.vendors)


def _compile_field(
    mapping: FieldMapping, canonical: Field, context: _Context
) -> tuple[CompiledField | None, list[Remark]]:
    info, stream = context.live[mapping.vendor], context.stream
    chain: list[Transform] = []
    for name in mapping.transform:
        try:
            chain.append(find(name, context.transforms))
        except LookupError as error:
            return None, [Remark(mapping.name, str(error), "", True)]
    remarks = lint.check_types(mapping, canonical, info, chain)
    remarks += _check_currency(mapping, canonical) + _check_default(mapping, canonical)
    if any(remark.error for remark in remarks):
        return None, remarks
    table = table_for(mapping, canonical, info)
    remarks += table.remarks if table else ()
    convert = converter(canonical, country=context.country, currency=context.currency)
    outward = compile_outward(mapping, canonical, info, stream, table, chain, convert, context.currency)
    infos = [info] + ([context.live[mapping.currency]] if mapping.currency else [])
    read, write, more = lint.directions(mapping, canonical, infos, stream, outward is not None)
    remarks += more + lint.lengths(canonical, info, write)
    inward = compile_inward(mapping, canonical, info, stream, table, chain, convert)
    send = outward or _refuse(mapping.name)
    direct = _direct(canonical, info, table is not None, bool(chain), mapping, stream)
    as_it_is = is_identity(canonical, info, table, chain)

    inward_in = None
    if canonical.type == "phone" or canonical.of == "phone":

        @lru_cache(maxsize=300)
        def inward_in(country: str) -> Convert:
            localised = converter(canonical, country=country, currency=context.currency)
            return compile_inward(mapping, canonical, info, stream, table, chain, localised)

    return (
        CompiledField(
            name=mapping.name,
            vendor=mapping.vendor,
            field=canonical,
            info=info,
            read=read,
            write=write,
            required=mapping.required or info.required,
            max_length=info.max_length,
            identity=direct,
            inward=inward,
            outward=send,
            agrees=_agrees(mapping, canonical, context, inward, outward, bool(chain), direct, as_it_is),
            inward_in=inward_in,
            currency_vendor=mapping.currency,
            stream=stream,
            reads_text=convert is parse_text and table is None and not chain and info.type in TEXTUAL,
            reads_phone=canonical.type == "phone" and table is None and not chain and info.type in TEXTUAL,
            kept=compile_kept(mapping, canonical, info, stream, table, chain, convert),
            sends_text=as_it_is and outward is not None and write and not canonical.ref,
            create_only=any(one.create_only for one in infos),
        ),
        remarks,
    )


def _agrees(
    mapping: FieldMapping,
    canonical: Field,
    context: _Context,
    inward: Convert,
    outward: Convert | None,
    transformed: bool,
    direct: bool,
    as_it_is: bool,
) -> Agrees:
    info, stream = context.live[mapping.vendor], context.stream
    key = comparable(canonical, info, stream, transformed)
    if is_flag(mapping, canonical):
        return flag_agrees(inward)
    if outward is None:  # read only for good: what it shows is compared in canonical space
        return _agrees_inward(inward)
    if mapping.currency is not None:
        return pair_agrees(outward, key, context.currency)
    if canonical.type == "instant" and info.type is FieldType.INSTANT and not transformed:
        return instant_agrees(outward, key, stream.resolution)
    return compile_agrees(outward, key, direct, as_it_is and means_itself(canonical, info, stream, transformed))


def _agrees_inward(inward: Convert) -> Agrees:
    def agrees(raw: Any, wire: Any) -> bool:
        try:
            return bool(inward(raw) == wire)
        except ValueProblem:
            return False

    return agrees


def _direct(
    canonical: Field, info: FieldInfo, tabled: bool, transformed: bool, mapping: FieldMapping, stream: StreamSpec
) -> bool:
    """True when raw == wire proves agreement: the wire form is one of the spellings that the vendor uses."""
    if tabled or transformed or mapping.currency or is_flag(mapping, canonical) or canonical.type == "money":
        return False
    if canonical.type == "country" and info.choices is not None:
        return False
    return not (canonical.type == "text" and info.type not in (*TEXTUAL, FieldType.CHOICE))


def _refuse(name: str) -> Convert:
    def outward(wire: Any) -> Any:
        raise ValueProblem(_NO_WAY_BACK, f"{name} is only read there: one of its transforms has no way back")

    return outward


def _check_currency(mapping: FieldMapping, canonical: Field) -> list[Remark]:
    if mapping.currency is None or canonical.type == "money":
        return []
    return [Remark(mapping.name, f"{mapping.name} is {canonical.type_text}: only money takes two fields", "", True)]


def _check_default(mapping: FieldMapping, canonical: Field) -> list[Remark]:
    if mapping.default is None:
        return []
    try:
        converter(canonical)(mapping.default)
    except ValueProblem as problem:
        return [Remark(mapping.name, f"default: {problem.message}", "", True)]
    return []


def _sentence(place: Place, connection: str, stream: StreamSpec, remark: Remark) -> str:
    where = f"{place}: " if str(place) else ""
    write = f" (write: {remark.line})" if remark.line else ""
    return f"{where}{connection}.{stream.name}: {remark.message}{write}"


def _raise(connection: str, stream: StreamSpec, remarks: Sequence[tuple[Place, Remark]]) -> None:
    errors = [(place, remark) for place, remark in remarks if remark.error]
    if not errors:
        return
    lines = tuple(_sentence(place, connection, stream, remark) for place, remark in errors)
    place = errors[0][0]
    prefix = f"{place}: " if str(place) else ""
    text = "\n".join(lines).removeprefix(prefix)  # ConfigError prints the first place itself
    raise ConfigError(text, file=place.file, line=place.line or None, problems=lines)


def _assemble(
    connection: str,
    mapping: ObjectMapping,
    entity: Entity,
    fields: dict[str, CompiledField],
    inactive: tuple[Inactive, ...],
    warnings: tuple[str, ...],
    context: _Context,
) -> CompiledMapping:
    shared = [field for field in fields.values() if field.field.group not in ("system", "derived")]
    single = [field for field in shared if field.currency_vendor is None]
    one_by_one = [field for field in fields.values() if field.currency_vendor is None]
    phones = tuple(field for field in single if field.read and field.inward_in is not None)
    direct = [field for field in single if field.identity]
    names: dict[str, list[str]] = {}
    for name, field in fields.items():
        for vendor in field.vendors:
            names.setdefault(vendor, []).append(name)
    return CompiledMapping(
        connection=connection,
        stream=context.stream.name,
        entity=entity.name,
        version=_version(mapping, entity, fields, context),
        fields=fields,
        vendor_fields=tuple(dict.fromkeys(vendor for field in fields.values() for vendor in field.vendors)),
        inactive=inactive,
        warnings=warnings,
        external_id=fields.get("external_id"),
        derived=tuple(name for name, field in fields.items() if field.field.group == "derived"),
        country=context.country,
        names_by_vendor=names,
        sole_names={vendor: of[0] for vendor, of in names.items() if len(of) == 1},
        codecs_by_vendor={field.vendor: field for field in fields.values()},
        _direct=tuple((field.vendor, field.name) for field in direct),
        _agrees={field.name: field.agrees for field in direct},
        _compared=tuple((field.vendor, field.name, field.agrees) for field in single if not field.identity),
        _pairs=tuple(field for field in shared if field.currency_vendor is not None),
        _full_name=fields.get("full_name"),
        _texts=tuple((f.vendor, f.name, f.inward) for f in one_by_one if f.read and f.reads_text),
        _readable=tuple(
            (f.vendor, f.name, f.inward) for f in one_by_one if f.read and not f.reads_text and f not in phones
        ),
        _phones=phones,
        _sent_as_is={f.name: (f.vendor, f.max_length or sys.maxsize) for f in single if _as_is(f, fields)},
        _required=tuple(f for f in fields.values() if f.required and f.write),
        _reads=dict.fromkeys(field.vendor for field in fields.values() if field.read),
        _compares=frozenset(vendor for f in fields.values() if f.field.group != "system" for vendor in f.vendors),
        _telling=frozenset(f.vendor for f in direct if f.field.type not in ("bool", "set")),
    )


def _as_is(field: CompiledField, fields: Mapping[str, CompiledField]) -> bool:
    """Whether the field's texts are sent as they are; a part of a name moves the full name with it, where there is one."""
    return field.sends_text and ("full_name" not in fields or field.name not in ("first_name", "last_name"))


def _version(mapping: ObjectMapping, entity: Entity, fields: Mapping[str, CompiledField], context: _Context) -> str:
    """A hash over what gives a stored vendor value its meaning; labels and places do not count."""
    parts: list[Any] = [VERSION, entity.name, context.stream.name, context.country, context.currency,
                        context.stream.blank_is_null, context.stream.resolution.total_seconds()]  # fmt: skip
    for name in sorted(fields):
        one, field = mapping.fields[name], fields[name]
        parts.append(
            [name, one.vendor, one.currency, field.read, field.write, field.required, repr(one.values), one.unknown,
             one.default, one.transform, repr(one.keep), field.field.type_text, field.field.values]
        )  # fmt: skip
        for vendor in field.vendors:
            info = context.live[vendor]
            choices = None if info.choices is None else sorted((c.value, c.label, c.active) for c in info.choices)
            # a column of a file is boolean once it holds a word for it: that changes no meaning
            kind = FieldType.BOOL if field.field.type == "bool" and info.type is FieldType.TEXT else info.type
            parts.append([vendor, kind, info.max_length, info.writable, info.create_only, info.required, choices])
    return hashlib.blake2b(orjson.dumps(parts), digest_size=10).hexdigest()
