"""Which evaluators there are: ours in a table, third parties' by entry point. Listing imports none of them."""

import ast
import difflib
import importlib
import importlib.util
import logging
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from watchglass_evaluators.evaluator import Device, Evaluator, EvaluatorSpec, EvaluatorUnavailable

if TYPE_CHECKING:
    from watchglass_evaluators.models.config import ModelsConfig

ENTRY_POINT_GROUP = "watchglass_evaluators"

BUILTIN: dict[str, str] = {
    "answer_match": "watchglass_evaluators.library.answer_match:AnswerMatch",
    "answer_relevance": "watchglass_evaluators.library.answer_relevance:AnswerRelevance",
    "bleu": "watchglass_evaluators.library.bleu:Bleu",
    "chrf": "watchglass_evaluators.library.chrf:Chrf",
    "chrf_plus": "watchglass_evaluators.library.chrf_plus:ChrfPlus",
    "coherence": "watchglass_evaluators.library.coherence:Coherence",
    "context_relevance": "watchglass_evaluators.library.context_relevance:ContextRelevance",
    "entailment": "watchglass_evaluators.library.entailment:Entailment",
    "groundedness": "watchglass_evaluators.library.groundedness:Groundedness",
    "json_format": "watchglass_evaluators.library.json_format:JsonFormat",
    "language": "watchglass_evaluators.library.language:Language",
    "output_schema": "watchglass_evaluators.library.output_schema:OutputSchema",
    "perplexity": "watchglass_evaluators.library.perplexity:Perplexity",
    "pii": "watchglass_evaluators.library.pii:Pii",
    "profanity": "watchglass_evaluators.library.profanity:Profanity",
    "prompt_injection": "watchglass_evaluators.library.prompt_injection:PromptInjection",
    "readability": "watchglass_evaluators.library.readability:Readability",
    "refusal": "watchglass_evaluators.library.refusal:Refusal",
    "repetition": "watchglass_evaluators.library.repetition:Repetition",
    "response_length": "watchglass_evaluators.library.response_length:ResponseLength",
    "rouge": "watchglass_evaluators.library.rouge:Rouge",
    "secrets": "watchglass_evaluators.library.secrets:Secrets",
    "semantic_answer_relevance": "watchglass_evaluators.library.semantic_answer_relevance:SemanticAnswerRelevance",
    "semantic_context_relevance": "watchglass_evaluators.library.semantic_context_relevance:SemanticContextRelevance",
    "semantic_similarity": "watchglass_evaluators.library.semantic_similarity:SemanticSimilarity",
    "support": "watchglass_evaluators.library.support:Support",
    "ter": "watchglass_evaluators.library.ter:Ter",
    "tool_calls": "watchglass_evaluators.library.tool_calls:ToolCalls",
    "tool_use": "watchglass_evaluators.library.tool_use:ToolUse",
    "toxicity": "watchglass_evaluators.library.toxicity:Toxicity",
}

logger = logging.getLogger("watchglass.evaluators")


class UnknownEvaluator(LookupError):
    """No evaluator has this name; the message lists those that are known."""


class BrokenEvaluator(Exception):
    """An evaluator is registered but cannot be loaded, or is not one; the message says why."""


def names() -> list[str]:
    """Return the names of all evaluators, built in and installed, sorted."""
    return sorted({*BUILTIN, *_plugins()})


def summaries() -> dict[str, str]:
    """What each evaluator measures, in a line, by name; '' for one that is installed from elsewhere. Imports none."""
    found = dict.fromkeys(names(), "")
    for name, target in BUILTIN.items():
        spec = importlib.util.find_spec(target.partition(":")[0])
        if spec is not None and spec.origin is not None:
            text = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
            found[name] = text.splitlines()[0]
    return found


def load(name: str, models: "ModelsConfig | None" = None) -> Evaluator:
    """Import and construct one evaluator.

    Args:
        name: which.
        models: where weights are, for those that need any.

    Raises:
        UnknownEvaluator: no such name.
        BrokenEvaluator: its module cannot be imported, or what is there is not an evaluator of that name.
        EvaluatorUnavailable: its constructor says that it cannot run now.
    """
    target, factory = _factory(name)
    try:
        evaluator = factory(models) if getattr(factory, "needs_models", False) else factory()
    except EvaluatorUnavailable:
        raise
    except Exception as error:
        raise BrokenEvaluator(f"evaluator {name!r} ({target}) cannot be made: {_first_line(error)}") from error
    if not isinstance(evaluator, Evaluator) or not isinstance(evaluator.spec, EvaluatorSpec):
        raise BrokenEvaluator(f"evaluator {name!r} ({target}) lacks `spec` or `score`: see docs/evaluators.md")
    if evaluator.spec.name != name:
        raise BrokenEvaluator(f"evaluator {name!r} ({target}) calls itself {evaluator.spec.name!r}")
    if not (evaluator.spec.version and evaluator.spec.scores):
        raise BrokenEvaluator(f"evaluator {name!r} ({target}) has no version or no scores in its spec")
    return evaluator


def device(name: str) -> Device:
    """Where an evaluator runs best; told of one that lacks its weights, too. "cpu" for one that cannot be loaded."""
    try:
        _, factory = _factory(name)
        if getattr(factory, "needs_models", False):
            return "gpu"
        spec = getattr(factory, "spec", None)
        return (spec if isinstance(spec, EvaluatorSpec) else load(name).spec).device
    except (UnknownEvaluator, BrokenEvaluator, EvaluatorUnavailable):
        return "cpu"


def check_names(wanted: list[str]) -> None:
    """Raise UnknownEvaluator for the first name that does not exist."""
    known = names()
    for name in wanted:
        if name not in known:
            raise UnknownEvaluator(_unknown(name))


def _factory(name: str) -> tuple[str, Any]:
    """Import what makes an evaluator; returns its "module:Class" as well."""
    target = BUILTIN.get(name)
    if target is None:
        plugin = _plugins().get(name)
        if plugin is None:
            raise UnknownEvaluator(_unknown(name))
        target = plugin.value
    module_name, _, class_name = target.partition(":")
    try:
        return target, getattr(importlib.import_module(module_name), class_name)
    except Exception as error:  # whatever a stranger's module raises
        raise BrokenEvaluator(f"evaluator {name!r} ({target}) cannot be loaded: {_first_line(error)}") from error


def _plugins() -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=ENTRY_POINT_GROUP):
        if point.name in BUILTIN or point.name in found:
            logger.warning("evaluator %r of %s is left out: the name is taken", point.name, point.value)
        elif ":" not in point.value:
            logger.warning("evaluator %r is left out: %r is not module:Class", point.name, point.value)
        else:
            found[point.name] = point
    return found


def _unknown(name: str) -> str:
    known = names()
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"unknown evaluator {name!r}{hint} (known: {', '.join(known)})"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
