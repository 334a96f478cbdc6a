"""Language: which language an answer is in, and whether that is the language of its prompt.

Scores: language, the probability of the language that the label names (ISO 639 code, for example "en"), 0 to 1,
neutral; language_match, 1 when answer and prompt are in the same language and 0 when not, higher is better. Needs the
answer; never calls out; about 0.1 ms a call. A naive Bayes model over byte n-grams in 139 languages (py3langid),
which comes with the package. A text with fewer than 20 letters (7 in Chinese and the like) is unscored, and so is a
match where either side is less than 80 % sure: short texts and close languages are easily confused.

Example: "Der Hund schläft auf dem roten Sofa." gives label "de".

Source: M. Lui and T. Baldwin, "langid.py: An Off-the-shelf Language Identification Tool", ACL 2012; package py3langid.
"""

from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from watchglass_evaluators.evaluator import Call, EvaluatorSpec, EvaluatorUnavailable, Score, ScoreSpec

_LEAST_LETTERS = 20
"""Bytes of letters in UTF-8: 20 letters of English, 7 of Chinese."""
_LEAST_SURE = 0.8
_LONGEST = 500
"""Characters that are looked at: the model is sure long before."""


@lru_cache(maxsize=1)
def _model() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


class Language:
    """The answer's language, and whether it is the prompt's."""

    def __init__(self) -> None:
        try:
            library = version("py3langid")
        except PackageNotFoundError as error:
            raise EvaluatorUnavailable("py3langid is not installed: pip install py3langid") from error
        self.spec = EvaluatorSpec(
            name="language",
            version=f"py3langid {library}",
            columns=("response_text",),
            optional=("prompt_text",),
            scores=(
                ScoreSpec("language", "neutral", 0.0, 1.0, "probability"),
                ScoreSpec("language_match", "higher_is_better", 0.0, 1.0, "1 = the prompt's language"),
            ),
            source="model",
        )

    def score(self, calls: Sequence[Call]) -> list[list[Score]]:
        """Name the language of every answer; identical texts are looked at once."""
        known: dict[str, tuple[str, float] | None] = {}
        for call in calls:
            for text in (call.response_text, call.prompt_text):
                if text not in known:
                    known[text] = self._language(text)
        return [self._scores(known[call.response_text], known[call.prompt_text]) for call in calls]

    def _language(self, text: str) -> tuple[str, float] | None:
        head = text[:_LONGEST]
        if len("".join(filter(str.isalpha, head)).encode("utf-8", "replace")) < _LEAST_LETTERS:
            return None
        name, probability = _model().classify(head)
        return str(name), min(float(probability), 1.0)

    def _scores(self, answer: tuple[str, float] | None, prompt: tuple[str, float] | None) -> list[Score]:
        if answer is None:
            reason = "the answer has too few letters"
            return [Score("language", None, reason), Score("language_match", None, reason)]
        own = Score("language", answer[1], label=answer[0])
        if prompt is None:
            return [own, Score("language_match", None, "the prompt has too few letters")]
        if min(answer[1], prompt[1]) < _LEAST_SURE:
            return [own, Score("language_match", None, "the language of answer or prompt is not sure")]
        same = answer[0] == prompt[0]
        label = "same" if same else "other"
        explanation = f"prompt {prompt[0]}, answer {answer[0]}"
        return [own, Score("language_match", float(same), label=label, explanation=explanation)]
