"""The settings of a files connection."""

from __future__ import annotations

import codecs
import os
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator


class FilesSettings(BaseModel):
    """A folder in which each file is an object: ``contacts.csv`` is the object ``contacts``.

    A relative ``path`` counts from the folder of the config file: from ``context={"root": …}`` where the
    settings are validated with it, else from ``session.root`` when the connection is opened.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = Field(min_length=1, description="The folder, relative to the config file.")
    format: Literal["csv", "jsonl"] = Field("csv", description="csv, or jsonl: one JSON object a line.")
    id: str = Field("id", min_length=1, description="The column that holds each row's id.")
    updated_at: str = Field(
        "updated_at", min_length=1, description="The column that says when a row was last edited; it may be missing."
    )
    delimiter: str = Field(",", description="What stands between the cells of a csv file.")
    encoding: str = Field("utf-8", description="The encoding of the files; a byte order mark is kept.")
    read_only: bool = Field(False, description="Never write to these files.")

    @field_validator("path")
    @classmethod
    def _from_the_root(cls, path: str, info: ValidationInfo) -> str:
        root = (info.context or {}).get("root") if isinstance(info.context, dict) else None
        return os.path.join(root, path) if root else path

    @field_validator("delimiter")
    @classmethod
    def _is_one_character(cls, text: str) -> str:
        if len(text) != 1 or text in '"\r\n\0 ':
            raise ValueError('must be one character, such as "," or ";" or "\\t"')
        return text

    @field_validator("encoding")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            known = codecs.lookup(name).name
            "".encode(known)
        except LookupError:
            raise ValueError(f"{name} is no text encoding; utf-8, cp1252 and utf-16 are some") from None
        return known
