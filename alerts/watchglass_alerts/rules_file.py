"""Rules from YAML, with errors that say file and line.

The loader is PyYAML's safe composer with three things added: duplicate keys are refused, only plain values are
built (no dates, no tags), and what aliases expand to is counted, so that a small file cannot become a large one.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from watchglass_alerts.condition import Condition
from watchglass_alerts.errors import RuleError
from watchglass_alerts.rules import Rule, ShareOf

MAX_BYTES = 1_000_000
MAX_NODES = 100_000
"""Values in a file, after aliases are expanded."""
MAX_DEPTH = 20
MAX_RULES = 10_000

_Path = tuple[str | int, ...]
_PLAIN = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}
_TEXT = {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:value"}
_PARTS: dict[str, type[BaseModel]] = {"condition": Condition, "share_of": ShareOf}


def read_file(path: Path) -> bytes:
    """A file's bytes.

    Raises:
        RuleError: it cannot be read, or is larger than a megabyte.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise RuleError([f"{path}: cannot be read: {error.strerror}"]) from error
    if len(data) > MAX_BYTES:
        raise RuleError([f"{path}: larger than {MAX_BYTES:,} bytes"])
    return data


def load_rules(path: Path) -> list[Rule]:
    """The rules of a file: a mapping whose one key, `rules`, holds a list.

    Raises:
        RuleError: the file or any rule in it is wrong; every problem found is one line, 'file:line: …'.
    """
    return parse_rules(read_file(path), str(path))


def parse_rules(data: bytes, source: str) -> list[Rule]:
    """As `load_rules`, from bytes; `source` is how errors name them."""
    reader = Reader(source)
    document = reader.read(data)
    entries = document.get("rules") if isinstance(document, dict) else None
    if not isinstance(document, dict) or set(document) != {"rules"} or not isinstance(entries, list):
        raise RuleError([f"{source}:1: must hold one key, rules, with a list of rules"])
    return validate_rules(entries, reader)


def validate_rules(entries: Sequence[object], reader: Reader) -> list[Rule]:
    """Rules from the list under the document's key `rules`.

    Raises:
        RuleError: any is wrong; every problem found is one line.
    """
    source = reader.source
    if len(entries) > MAX_RULES:
        raise RuleError([f"{source}:1: {len(entries):,} rules; at most {MAX_RULES:,}"])
    rules: list[Rule] = []
    problems: list[str] = []
    for index, entry in enumerate(entries):
        try:
            rules.append(Rule.model_validate(entry))
        except ValidationError as error:
            name = entry.get("name", "") if isinstance(entry, dict) else ""
            title = f"rule {name!r}" if name else f"rule {index + 1}"
            for where, text in explain(error):
                problems.append(f"{source}:{reader.line(('rules', index, *where))}: {title}: {text}")
    problems += list(_duplicates(entries, source, reader))
    if problems:
        raise RuleError(problems)
    return rules


def parse_rule(definition: object) -> Rule:
    """A rule from plain data, as the table and the dashboard's editor hold it.

    Raises:
        RuleError: it is wrong; one line for each problem.
    """
    try:
        return Rule.model_validate(definition)
    except ValidationError as error:
        raise RuleError([text for _, text in explain(error)]) from None


def explain(error: ValidationError) -> Iterator[tuple[_Path, str]]:
    """Each problem as (path of the field, text that names the field, the value and what is allowed)."""
    for item in error.errors(include_url=False):
        where = tuple(part for part in item["loc"] if part != "[key]")
        field = ".".join(str(part) for part in where)
        given = item["input"]
        message = item["msg"].removeprefix("Value error, ")
        if item["type"] == "extra_forbidden":
            yield where, _unknown_field(where)
        elif item["type"] == "missing":
            yield where[:-1], f"{field} is missing"
        elif isinstance(given, dict):
            yield where, f"{field}: {message}" if field else message
        else:
            yield where, f"{field} = {_shown(given)}: {message[:1].lower()}{message[1:]}"


def _unknown_field(where: _Path) -> str:
    model = _PARTS.get(str(where[0]), Rule) if len(where) > 1 else Rule
    allowed = [field.alias or name for name, field in model.model_fields.items()]
    close = difflib.get_close_matches(str(where[-1]), allowed, 1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"unknown field {'.'.join(str(part) for part in where)}{hint} Allowed: {', '.join(allowed)}"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _duplicates(entries: Sequence[object], source: str, reader: Reader) -> Iterator[str]:
    names = [entry.get("name") if isinstance(entry, dict) else None for entry in entries]
    counts = Counter(name for name in names if isinstance(name, str))
    seen: set[str] = set()
    for index, name in enumerate(names):
        if isinstance(name, str) and counts[name] > 1:
            if name in seen:
                yield f"{source}:{reader.line(('rules', index))}: rule {name!r}: the name is used more than once"
            seen.add(name)


class Reader:
    """YAML text to plain values, remembering the line each came from."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._lines: dict[_Path, int] = {}
        self._count = 0
        self._scalars = yaml.SafeLoader("")

    def read(self, data: bytes) -> Any:
        try:
            node = yaml.compose(data.decode(), Loader=yaml.SafeLoader)
        except UnicodeDecodeError as error:
            raise RuleError([f"{self.source}: is not UTF-8 at byte {error.start}"]) from None
        except RecursionError:
            raise RuleError([f"{self.source}: is nested too deeply"]) from None
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise RuleError([f"{self.source}:{line}: is not YAML: {error.problem}"]) from None
        except yaml.YAMLError as error:
            raise RuleError([f"{self.source}: is not YAML: {str(error).splitlines()[0]}"]) from None
        return None if node is None else self._value(node, ())

    def line(self, path: _Path) -> int:
        """The line of the value at a path, or of the nearest thing around it."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _value(self, node: yaml.Node, path: _Path) -> Any:
        self._count += 1
        self._lines.setdefault(path, node.start_mark.line + 1)
        if self._count > MAX_NODES:
            raise self._error(node, f"holds more than {MAX_NODES:,} values once its aliases are expanded")
        if len(path) > MAX_DEPTH:
            raise self._error(node, "is nested too deeply")
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self._value(child, (*path, index)) for index, child in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            if node.tag in _PLAIN:
                try:
                    return self._scalars.construct_object(node)
                except ValueError:
                    return node.value
            if node.tag in _TEXT:
                return node.value
        raise self._error(node, f"tag {node.tag!r} is not allowed")

    def _mapping(self, node: yaml.MappingNode, path: _Path) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                extra = self._value(value_node, path)
                for mapping in extra if isinstance(extra, list) else [extra]:
                    if not isinstance(mapping, dict):
                        raise self._error(value_node, "'<<' merges mappings only")
                    merged = mapping | merged
                continue
            key = self._value(key_node, path)
            if not isinstance(key, str):
                raise self._error(key_node, f"key {key!r} must be text; put it in quotes")
            if key in result:
                raise self._error(key_node, f"key {key!r} appears twice")
            self._lines[(*path, key)] = key_node.start_mark.line + 1
            result[key] = self._value(value_node, (*path, key))
        return merged | result

    def _error(self, node: yaml.Node, text: str) -> RuleError:
        return RuleError([f"{self.source}:{node.start_mark.line + 1}: {text}"])
