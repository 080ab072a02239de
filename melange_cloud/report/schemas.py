"""JSON Schemas (draft 2020-12) of what commands print, from the classes that hold it and what they say of themselves.

A dataclass, or a TypedDict, is an object: its fields are the keys, its docstring describes them (``Attributes:``), and
names say the rest (see schema_names). A class becomes one entry of ``$defs``. The generator reads the same metadata as
``json_.plain``, so that document and schema cannot differ. ``msgspec.json.schema`` would be another dependency, and
does not read docstrings or our flat parts.
"""

import inspect
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from functools import cache
from types import MappingProxyType
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from melange_cloud.report.json_ import PROPERTIES
from melange_cloud.report.schema_names import MEANINGS, Keywords, range_of

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_PLAIN: Mapping[type, Keywords] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    datetime: {
        "type": "string",
        "format": "date-time",
        "pattern": f"^{_DAY}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}Z$",
    },
    date: {"type": "string", "format": "date", "pattern": f"^{_DAY}$"},
}
_NUMBERS = ("minimum", "exclusiveMinimum", "maximum")
_TEXTS = ("minLength", "pattern")
_APPLIES: Mapping[str, tuple[str, ...]] = {"integer": _NUMBERS, "number": _NUMBERS, "string": _TEXTS}
_ENTRY = re.compile(r"(?P<names>\w+(?:, \w+)*): (?P<text>.*)")


@dataclass(frozen=True, slots=True)
class Document:
    """What a command prints as JSON.

    Attributes:
        title, description: of the whole.
        root: the dataclass or TypedDict that it is.
        schema_version: None if the document has none.
        constants: keys that are the same in every document -> their value and description.
        closed: whether a key that is not described is a fault.
        rules: class -> keywords that its keys do not say, such as ``if`` and ``then``.
        added: class -> keys that are added when it is written, which none of its fields holds.
    """

    title: str
    description: str
    root: type
    schema_version: int | None = 1
    constants: Mapping[str, tuple[object, str]] = field(default_factory=dict)
    closed: bool = False
    rules: Mapping[type, Keywords] = field(default_factory=dict)
    added: Mapping[type, Mapping[str, Keywords]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Key:
    """A key of an object: its name in JSON, the type of its value, what is said about it, and what it may hold."""

    name: str
    hint: Any
    description: str | None
    keywords: Keywords
    required: bool


def schema(document: Document) -> dict[str, object]:
    """The document's schema, plain values that ``json.dumps`` takes; same classes, same schema."""
    definitions: dict[str, dict[str, object]] = {}
    maker = _SchemaMaker(document, definitions)
    root = maker.object_of(document.root)
    constants = {
        name: {"description": description, "const": value} for name, (value, description) in document.constants.items()
    }
    if document.schema_version is not None:
        said = {"description": "Version of this document's form.", "const": document.schema_version}
        constants = {"schema_version": said, **constants}
    root["properties"] = {**constants, **root["properties"]}
    root["required"] = [*constants, *root["required"]]
    head = {"$schema": DRAFT, "title": document.title, **root, "description": document.description}
    return {**head, "$defs": dict(sorted(definitions.items()))} if definitions else head


class _SchemaMaker:
    """Makes the definitions of one document's classes, each once."""

    def __init__(self, document: Document, definitions: dict[str, dict[str, object]]) -> None:
        self.document = document
        self.definitions = definitions

    def object_of(self, of: type) -> dict[str, Any]:
        """A dataclass or a TypedDict as an object."""
        properties: dict[str, object] = {}
        required = []
        for key in keys_of(of):
            properties[key.name] = self._value(key)
            if key.required:
                required.append(key.name)
        for name, keywords in self.document.added.get(of, {}).items():
            properties[name] = dict(keywords)
            required.append(name)
        made: dict[str, Any] = {"description": documented(of)[0], "type": "object", "properties": properties}
        made["required"] = required
        if self.document.closed:
            made["additionalProperties"] = False
        return {**made, **self.document.rules.get(of, {})}

    def _value(self, key: _Key) -> dict[str, object]:
        made = self._type(key.hint, key.keywords)
        if key.description is not None:
            return {"description": key.description, **made}
        if "$ref" not in made:
            raise TypeError(f"{key.name} has no description by its class or its name")
        return made

    def _type(self, hint: Any, keywords: Keywords) -> dict[str, object]:
        origin, parts = get_origin(hint), get_args(hint)
        if origin in (Union, types.UnionType):
            return self._or_null(hint, keywords)
        if origin is Literal:
            return {"enum": list(parts)}
        if origin is tuple and parts[-1] is not Ellipsis:
            if len(set(parts)) > 1:
                raise TypeError(f"{hint}: a tuple of one type, of a fixed length, or an object")
            return {**self._array(parts[0], keywords), "minItems": len(parts), "maxItems": len(parts)}
        if origin in (tuple, list):
            return self._array(parts[0], keywords)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            return {"type": "object", "additionalProperties": self._type(parts[1], keywords)}
        if hint in _PLAIN:
            return self._plain(_PLAIN[hint], keywords)
        if isinstance(hint, type) and (issubclass(hint, Enum) or is_dataclass(hint) or is_typeddict(hint)):
            return self._reference(hint)
        raise TypeError(f"{hint} has no form in JSON")

    def _array(self, items: Any, keywords: Keywords) -> dict[str, object]:
        of_array = {name: keywords[name] for name in ("minItems", "maxItems") if name in keywords}
        return {"type": "array", "items": self._type(items, keywords), **of_array}

    def _plain(self, kind: Keywords, keywords: Keywords) -> dict[str, object]:
        if "enum" in keywords and kind["type"] != "boolean":
            return {"enum": keywords["enum"]}
        applies = _APPLIES.get(str(kind["type"]), ())
        return {**kind, **{name: value for name, value in keywords.items() if name in applies and value is not None}}

    def _or_null(self, hint: Any, keywords: Keywords) -> dict[str, object]:
        known = [part for part in get_args(hint) if part is not types.NoneType]
        if len(known) > 1 or len(known) == len(get_args(hint)):
            raise TypeError(f"{hint}: only a type or null")
        made = self._type(known[0], keywords)
        if "enum" in made:
            return {**made, "enum": [*made["enum"], None]}  # type: ignore[misc]
        if "type" not in made:
            return {"anyOf": [made, {"type": "null"}]}
        return {**made, "type": [made["type"], "null"]}

    def _reference(self, of: type) -> dict[str, object]:
        if of.__name__ not in self.definitions:
            self.definitions[of.__name__] = {}  # holds the name while its parts are made
            if issubclass(of, Enum):
                self.definitions[of.__name__] = {
                    "description": documented(of)[0],
                    "enum": [member.value for member in of],
                }
            else:
                self.definitions[of.__name__] = self.object_of(of)
        return {"$ref": f"#/$defs/{of.__name__}"}


def keys_of(of: type) -> Iterator[_Key]:
    """The keys of a dataclass or TypedDict in their order, those of flat parts in their place."""
    said = documented(of)[1]
    if is_typeddict(of):
        for name, hint in get_type_hints(of, include_extras=True).items():
            bare, keywords = _unwrapped(hint)
            required = name in of.__required_keys__  # type: ignore[attr-defined]
            yield _key(name, bare, said.get(name), keywords, required)
        return
    hints = get_type_hints(of)
    for part in fields(of):
        if part.metadata.get("flat"):
            yield from keys_of(hints[part.name])
            continue
        name = part.metadata.get("key", part.name)
        yield _key(name, hints[part.name], said.get(part.name), _keywords(part.metadata), True)
    for key, name in PROPERTIES.get(of, {}).items():
        getter = getattr(of, name).fget
        yield _key(key, get_type_hints(getter)["return"], _sentence(inspect.getdoc(getter) or ""), {}, True)


def _keywords(metadata: Mapping[str, Any]) -> Keywords:
    """What a field's metadata says of its values: a closed list of words, limits, or keywords outright."""
    keywords: dict[str, object] = {}
    if "one_of" in metadata:
        keywords["enum"] = list(metadata["one_of"])
    if "bounds" in metadata:
        keywords |= {"minimum": metadata["bounds"].least, "maximum": metadata["bounds"].most}
    return {**keywords, **metadata.get("schema", {})}


def _unwrapped(hint: Any) -> tuple[Any, Keywords]:
    """A TypedDict's hint without ``NotRequired`` and ``Annotated``, and the keywords that it was annotated with."""
    keywords: dict[str, object] = {}
    while get_origin(hint) in (Annotated, NotRequired):
        hint, *annotations = get_args(hint)
        for annotation in annotations:
            keywords |= annotation
    return hint, keywords


def _key(name: str, hint: Any, description: str | None, keywords: Keywords, required: bool) -> _Key:
    return _Key(name, hint, description or MEANINGS.get(name), {**range_of(name), **keywords}, required)


@cache
def documented(of: type) -> tuple[str, Mapping[str, str]]:
    """What a class's docstring says: of itself, and of each field, as sentences in the words of JSON."""
    head: list[str] = []
    said: dict[str, list[str]] = {}
    current: list[str] = head
    in_section = False
    for line in (inspect.getdoc(of) or "").splitlines():
        if line == "Attributes:":
            in_section = True
        elif in_section and line and not line.startswith("    "):
            break
        elif in_section and line.startswith("    ") and not line.startswith("     "):
            entry = _ENTRY.fullmatch(line.strip())
            if entry is None:
                raise TypeError(f"{of.__name__}: {line.strip()!r} under Attributes does not say which field it is of")
            current = [entry["text"]]
            said.update(dict.fromkeys(entry["names"].split(", "), current))
        elif line.strip():
            current.append(line.strip())
    keys = (
        {part.name: part.metadata["key"] for part in fields(of) if "key" in part.metadata} if is_dataclass(of) else {}
    )
    sentences = {name: _sentence(" ".join(text), keys) for name, text in said.items()}
    return _sentence(" ".join(head), keys), sentences


def _sentence(text: str, keys: Mapping[str, str] = MappingProxyType({})) -> str:
    """Text of a docstring as a description: JSON has no None and no markup, and its keys may have other names.

    Args:
        keys: field -> its key where that differs; fields of one word are left as they are, since they may be words.
    """
    named = re.sub(r"(?<![.\w])[a-z]+(?:_[a-z]+)+\b", lambda found: keys.get(found[0], found[0]), text)
    words = " ".join(named.split())
    plain = re.sub(r"\bNone\b", "null", words.replace("``", ""))
    if re.match(r"[a-z]+\b(?!_)", words):  # a word, not a name such as usd_per_hour or ``plain``
        plain = plain[:1].upper() + plain[1:]
    return plain if plain.endswith((".", ")")) or not plain else f"{plain}."
