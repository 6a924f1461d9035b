"""Holds the dashboard against Grafana's published types: `python dashboard.py deploy/grafana/roster.json`.

The types read what they know and pass over the rest, and take a value for granted. So each value is compared with the
type of its attribute, and what the types write back must be all that was read.
"""

import enum
import inspect
import json
import sys
import typing

from grafana_foundation_sdk.cog import encoder, plugins, variants
from grafana_foundation_sdk.models import dashboard


def fits(value, hint, place, wrong):
    """Adds to `wrong` each place where a value is not of its type."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(value, dict) and hasattr(hint, "from_json"):
        # Not every list of objects is read as such.
        value = hint.from_json(value)
    if hint in (object, typing.Any):
        return
    if origin is typing.Union:
        # The type that the value has, or claims to have; otherwise the one that it misses by least.
        own = [argument for argument in arguments if (typing.get_origin(argument) or argument) is type(value)]
        attempts = []
        for argument in own or [argument for argument in arguments if argument is not type(None)]:
            attempts.append([])
            fits(value, argument, place, attempts[-1])
        if all(attempts):
            wrong.extend(min(attempts, key=len))
    elif origin is typing.Literal:
        if value not in arguments:
            wrong.append(f"{place}: {value!r} is none of {arguments}")
    elif origin is list:
        if not isinstance(value, list):
            wrong.append(f"{place}: {value!r} is no list")
            return
        for number, item in enumerate(value):
            fits(item, arguments[0], f"{place}[{number}]", wrong)
    elif origin is dict:
        if not isinstance(value, dict):
            wrong.append(f"{place}: {value!r} is no object")
            return
        for key, item in value.items():
            fits(item, arguments[1], f"{place}.{key}", wrong)
    elif inspect.isclass(hint) and issubclass(hint, enum.Enum):
        if value not in [member.value for member in hint]:
            wrong.append(f"{place}: {value!r} is none of {[member.value for member in hint]}")
    elif hint is float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            wrong.append(f"{place}: {value!r} is no number")
    elif not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        wrong.append(f"{place}: {value!r} is no {hint.__name__}")
    elif hasattr(value, "to_json"):
        members(value, place, wrong)


def members(value, place, wrong):
    """The same for the attributes of an object."""
    for name, hint in typing.get_type_hints(type(value)).items():
        item = getattr(value, name)
        if inspect.isclass(hint) and issubclass(hint, variants.Dataquery):
            members(item, f"{place}.{name}", wrong)
        else:
            fits(item, hint, f"{place}.{name}", wrong)
    if isinstance(value, dashboard.Panel):
        # What belongs to the kind of panel has no type in the panel's own.
        members(value.options, f"{place}.options", wrong)
        custom = value.field_config and value.field_config.defaults and value.field_config.defaults.custom
        if custom:
            members(custom, f"{place}.fieldConfig.defaults.custom", wrong)
        for number, target in enumerate(value.targets or []):
            members(target, f"{place}.targets[{number}]", wrong)


def lost(read, written, place, wrong):
    """Adds to `wrong` each place of `read` that is not in `written`."""
    if isinstance(read, dict) and isinstance(written, dict):
        for key, value in read.items():
            if key not in written:
                wrong.append(f"{place}.{key}: there is no such member")
            else:
                lost(value, written[key], f"{place}.{key}", wrong)
    elif isinstance(read, list) and isinstance(written, list) and len(read) == len(written):
        for number, pair in enumerate(zip(read, written)):
            lost(*pair, f"{place}[{number}]", wrong)
    elif read != written:
        wrong.append(f"{place}: {read!r} becomes {written!r}")


def main(path):
    with open(path, encoding="utf-8") as file:
        read = json.load(file)
    plugins.register_default_plugins()
    value = dashboard.Dashboard.from_json(read)
    written = json.loads(encoder.JSONEncoder().encode(value))
    wrong = []
    members(value, "dashboard", wrong)
    lost(read, written, "dashboard", wrong)
    if read["schemaVersion"] != dashboard.Dashboard().schema_version:
        wrong.append(f"schemaVersion is {read['schemaVersion']}, the types are for {dashboard.Dashboard().schema_version}")
    panels = [panel for panel in read["panels"] if panel["type"] != "row"]
    print("\n".join(wrong) or f"{len(panels)} panels are as the types say")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
