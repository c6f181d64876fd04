"""What to compare: modes, encoders, chunk settings, search settings and engines, as a grid of systems.

From a YAML file, the command line, or both (the command line wins):

    questions: my_questions.jsonl     # anything that eval.inputs reads; paths are relative to this file
    corpus: [my_articles]             # needed when encoders or chunks vary; else the index is taken as it is
    modes: [bm25, full]
    encoders: [sentence-transformers/all-MiniLM-L6-v2]
    chunks: [{max_words: 90}, {max_words: 180}]
    search: [{}, {bm25_weight: 0.5}]
    engines: [extractive]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from eval.data import DEFAULT_QUESTIONS
from index.config import DEFAULT_ENCODER, MODES, IndexConfig, SearchConfig
from ingest.chunk import ChunkConfig
from ingest.errors import PinciteError

ENGINES = ("extractive", "local", "hosted", "auto")
Settings = Mapping[str, Any]
_Config = TypeVar("_Config", ChunkConfig, SearchConfig)


@dataclass(frozen=True)
class Plan:
    """One evaluation. `depth`: hits a question, 0 for 50 (quotes) or 100 (qrels); `limit`: 0 for all."""

    questions: Path = DEFAULT_QUESTIONS
    qrels: Path | None = None
    corpus: tuple[Path, ...] = ()
    index: Path | None = None
    modes: tuple[str, ...] = MODES
    encoders: tuple[str, ...] = ()
    chunks: tuple[Settings, ...] = ()
    max_tokens: tuple[int, ...] = ()
    search: tuple[Settings, ...] = ({},)
    engines: tuple[str, ...] = ()
    depth: int = 0
    split: str = ""
    ids: tuple[str, ...] = ()
    type: tuple[str, ...] = ()
    limit: int = 0

    def __post_init__(self) -> None:
        if unknown := [m for m in self.modes if m not in MODES]:
            raise PinciteError(f"unknown mode {unknown[0]!r}; choose from {', '.join(MODES)}")
        if not self.modes:
            raise PinciteError(f"no mode to run; choose from {', '.join(MODES)}")
        for engine in self.engines:
            if engine.partition(":")[0] not in ENGINES:
                raise PinciteError(f"unknown engine {engine!r}; choose from {', '.join(ENGINES)}")
        for name in ("limit", "depth"):
            if getattr(self, name) < 0:
                raise PinciteError(f"{name} is {getattr(self, name)}; give a number from 1, or leave it out")


@dataclass(frozen=True)
class System:
    """One cell of the grid. `index`: how to build what is searched; None for an index that is there already.
    `engine`: what answers with the hits; "" where only hits are compared.
    """

    name: str
    mode: str
    search: SearchConfig
    index: IndexConfig | None
    engine: str = ""


_PATHS = ("questions", "qrels", "corpus", "index")
_TYPES: dict[str, type] = {"limit": int, "depth": int, "max_tokens": int, "chunks": dict, "search": dict}


def read_plan(path: Path) -> dict[str, Any]:
    """The settings of a YAML file, checked, ready for `Plan(**settings)`.

    Raises:
        PinciteError: unreadable YAML, an unknown setting, or a value of the wrong kind.
    """
    import yaml

    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PinciteError(f"config {path}: cannot be read ({error.strerror})") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PinciteError(f"config {path}: not YAML ({error})") from None
    known = {f.name: f for f in fields(Plan)}
    if not isinstance(given, dict) or not given:
        raise PinciteError(f"config {path}: settings needed, one `name: value` a line; known: {', '.join(known)}")
    if unknown := [name for name in given if name not in known]:
        raise PinciteError(f"config {path}: unknown setting {unknown[0]!r}; known: {', '.join(known)}")
    return {name: _value(path, name, value) for name, value in given.items() if value is not None}


def _value(path: Path, name: str, value: Any) -> Any:
    many = "tuple" in str(Plan.__dataclass_fields__[name].type)
    values = value if isinstance(value, list) else [value]
    wanted = _TYPES.get(name, str)
    for v in values:
        if not isinstance(v, wanted) or isinstance(v, bool):
            raise PinciteError(f"config {path}: {name}: {v!r} seen, {_KINDS[wanted]} needed")
    if not many and len(values) != 1:
        raise PinciteError(f"config {path}: {name}: one value needed, {len(values)} seen")
    if name in _PATHS:
        values = [path.parent / v for v in values]
    return tuple(values) if many else values[0]


_KINDS = {str: "text", int: "a whole number", dict: "settings like {max_words: 90}"}


def systems(plan: Plan, build: bool, whole: bool) -> list[System]:
    """All cells, named by their mode or engine and whatever else differs between them.

    `build`: there is a corpus to make indexes of; `whole`: its documents are kept in one piece unless the plan
    says how to cut them.

    Raises:
        PinciteError: an unknown or impossible setting.
    """
    built: list[IndexConfig | None] = [None]
    if build:
        default = {"max_words": 5000} if whole else {}
        built = [
            IndexConfig(encoder, tokens, chunking=_config(ChunkConfig, chunk))
            for encoder, tokens, chunk in product(
                plan.encoders or (DEFAULT_ENCODER,),
                plan.max_tokens or (IndexConfig().max_tokens,),
                plan.chunks or (default,),
            )
        ]
    searches = [_config(SearchConfig, settings) for settings in plan.search or ({},)]
    cells = [System(mode, mode, search, index) for index, search, mode in product(built, searches, plan.modes)]
    cells += [System(e, "full", search, index, e) for index, search, e in product(built, searches, plan.engines)]
    cells = list(dict.fromkeys(cells))
    traits = [_traits(cell) for cell in cells]
    varying = [name for name in traits[0] if len({t[name] for t in traits}) > 1]
    return [
        replace(cell, name=" ".join([cell.name, *(f"{n}={t[n]}" for n in varying)]))
        for cell, t in zip(cells, traits, strict=True)
    ]


def _config(kind: type[_Config], settings: Settings) -> _Config:
    known = [f.name for f in fields(kind)]
    if unknown := [name for name in settings if name not in known]:
        raise PinciteError(f"unknown setting {unknown[0]!r}; known: {', '.join(known)}")
    defaults = kind()
    for name, value in settings.items():
        wanted = type(getattr(defaults, name))
        if isinstance(value, bool) or not isinstance(value, (int, float) if wanted is float else wanted):
            raise PinciteError(f"{name} is {value!r}; {wanted.__name__} needed")
    try:
        return kind(**settings)
    except ValueError as error:
        raise PinciteError(str(error)) from None


def _traits(cell: System) -> dict[str, Any]:
    """Every setting but the mode, flat."""
    search = {f.name: getattr(cell.search, f.name) for f in fields(cell.search)}
    if not cell.index:
        return search
    chunking = {f.name: getattr(cell.index.chunking, f.name) for f in fields(cell.index.chunking)}
    encoder = Path(cell.index.encoder).name
    return {"encoder": encoder, "max_tokens": cell.index.max_tokens, **chunking, **search}


def with_settings(plan: Plan, settings: Mapping[str, Any]) -> Plan:
    """The plan with those settings that are given (not None and not empty) put in."""
    return replace(plan, **{name: value for name, value in settings.items() if value not in (None, "", (), 0)})


def named(text: str | None) -> tuple[str, ...]:
    """A comma-separated list from the command line."""
    return tuple(part.strip() for part in (text or "").split(",") if part.strip())
