"""A plugin's settings: its own pydantic model over the raw values, its findings in our own words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, ValidationError

from .invalid import problems, told_once
from .problems import Problem, error, suggest
from .schema import Config

Settings = TypeVar("Settings", bound=BaseModel)


def read_settings(config: Config, connection: str, model: type[Settings]) -> Settings:
    """The settings of a connection as the plugin's model. Raises ConfigError with every problem's file and line,
    secrets that are not there among them.

    References (``${…}``) are revealed to the model only; no value is part of a message. The model's validators are
    told the config's folder as ``context["root"]``, for paths that count from it.
    """
    raw = config.connections[connection].settings
    at = ("connections", connection, "settings")
    known = [info.alias or name for name, info in model.model_fields.items()]
    unknown = [key for key in raw if key not in known] if model.model_config.get("extra") != "allow" else []
    extra = [
        Problem(
            config.place(*at, key),
            f"unknown setting `{key}` of the connector `{config.connections[connection].connector}`.",
            suggest(key, known),
            (*at, key),
        )
        for key in unknown
    ]
    unset = config.unset(connections=[connection])
    try:
        settings = model.model_validate(
            reveal({k: v for k, v in raw.items() if k not in unknown}), context={"root": str(config.root.resolve())}
        )
    except ValidationError as e:
        told = [_at_setting(config, p, at, raw) for p in problems(e, model, config._places, at=at, secret=True)]
        if unset:  # what the secret is part of cannot be judged without it
            gone = [one.path for one in unset]
            told = [p for p in told if p.path != at and not any(p.path[: len(path)] == path for path in gone)]
        raise error(told_once([*unset, *extra, *told])) from None
    if unset or extra:
        raise error([*unset, *extra])
    return settings


def _at_setting(config: Config, problem: Problem, at: tuple[str, ...], raw: Mapping[str, Any]) -> Problem:
    """A model that judges several settings together begins its words with the one that is wrong: that one's line is told."""
    word = problem.message.removeprefix(f"`{'.'.join(at)}`: ").split(" ", 1)[0]
    if problem.path != at or word not in raw:
        return problem
    return problem._replace(place=config.place(*at, word))


def reveal(value: Any) -> Any:
    """The value with every secret in it laid open."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {k: reveal(v) for k, v in value.items()}
    if isinstance(value, list):
        return [reveal(v) for v in value]
    return value
