"""The pydantic models of limits on files that are used together: `[request]`, its conditions, and roles."""

from __future__ import annotations

import re
from typing import Final

from pydantic import Field, model_validator

from preflight.facts import MEDIA_FACTS
from preflight.formats import FORMATS, KINDS
from preflight.limit import LOWER
from preflight.rulefile.limits import (
    FieldSpec,
    StrictTable,
    Type,
    limit_fields,
    list_of,
    make_table,
    name_like,
    one_of,
    ratio_fields,
    removable,
    sentence_error,
    tables_by_name,
)

_ROLE_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")


def request_table() -> Type:
    """Return the model of `[request]`."""
    group = make_table("RequestGroup", "Limits on files used together.", limit_fields("request"))
    about = "The kinds that are only accepted together with others."
    kinds: dict[str, FieldSpec] = {
        kind: removable(list_of(one_of(KINDS)), "Needs one of these beside it.", min_length=1) for kind in KINDS
    }
    fields: dict[str, FieldSpec] = {
        kind: removable(group, f"Limits on all {kind} files of one request.") for kind in KINDS
    }
    fields["all"] = removable(group, "Limits on all files of one request.")
    fields["companions"] = removable(make_table("Companions", about, kinds), about)
    about = "Limits that hold if there are at least so many files: the lower bounds of files are the conditions."
    fields["when"] = removable(list_of(_request_when()), about)
    fields |= _comparisons()
    return make_table("Request", "Limits on files used together in one request.", fields)


def _request_when() -> Type:
    """Return the model of `[[request.when]]`."""
    totals = limit_fields("request")
    fields: dict[str, FieldSpec] = {"all": (make_table("WhenAll", "Limits on totals.", totals), Field(None))}
    about = "Limits on totals, and on each file."
    for kind in KINDS:
        group = make_table(f"{kind.title()}RequestWhen", about, totals | limit_fields(kind))
        fields[kind] = (group, Field(None, description=f"Limits on {kind} files of such a request."))
    return make_table("RequestWhen", "Conditions on the number of files, and limits.", fields, _RequestWhenTable)


class _RequestWhenTable(StrictTable):
    """A `when` of requests with at least one condition and one limit."""

    @model_validator(mode="after")
    def _check_when(self) -> _RequestWhenTable:
        groups = list(self.model_dump(exclude_unset=True, warnings=False).values())
        for name in (name for group in groups for name, line in group.items() if line is False):
            raise sentence_error(f"{name} = false removes nothing here. Delete it.")
        numbers = [group.get("files") or {} for group in groups]
        if not any(word in LOWER for number in numbers for word in number):
            raise sentence_error("there is no condition. Add one such as video = { files = { min = 1 } }.")
        bounds = [word for number in numbers for word in number if word not in LOWER]
        if not bounds and all(list(group) == ["files"] for group in groups):
            raise sentence_error("there is no limit. Add one such as image = { files = { max = 4 } }.")
        return self


class _RoleTable(StrictTable):
    """A role that can be in a request."""

    @model_validator(mode="after")
    def _check_role(self) -> _RoleTable:
        requires, excludes = (getattr(self, key) or () for key in ("requires", "excludes"))
        if both := [name for name in requires if name in excludes]:
            raise sentence_error(f"it requires and excludes {both[0]}. Remove one of them.")
        return self


def _comparisons() -> dict[str, FieldSpec]:
    """Return the fields that compare facts of files."""
    compared = [fact.name for fact in MEDIA_FACTS.values() if fact.sections]
    ratios = make_table("Ratios", "How much facts may differ between files.", ratio_fields())
    return {
        "same": removable(list_of(one_of(compared)), "Facts that are equal in all files.", min_length=1),
        "ratios": removable(ratios, "How much facts may differ between files: the largest / the smallest."),
    }


def roles_field() -> FieldSpec:
    """Return the field of `[roles.NAME]`: the limits on files that have this role in a request."""
    facts = {name: field for kind in reversed(KINDS) for name, field in limit_fields(kind).items() if name != "format"}
    formats = make_table(
        "RoleFormat", "The accepted formats.", {"any_of": (list_of(one_of(FORMATS)), Field(min_length=1))}
    )
    others = list_of(name_like(_ROLE_NAME))
    names: dict[str, FieldSpec] = {
        "kinds": (list_of(one_of(KINDS)), Field(None, min_length=1, description="The accepted kinds.")),
        "requires": (others, Field(None, description="Roles that other files of the request must have.")),
        "excludes": (others, Field(None, description="Roles that no other file of the request may have.")),
        "format": removable(formats, "The accepted formats."),
    }
    about = "Limits on files with this role; files without one have the role `reference`."
    role = make_table("Role", about, {**facts, **limit_fields("request"), **_comparisons(), **names}, _RoleTable)
    return tables_by_name(role, _ROLE_NAME, about)
