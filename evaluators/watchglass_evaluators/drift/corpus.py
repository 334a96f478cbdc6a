"""Texts for measuring drift tests: documentation that is on every machine which has Watchglass.

No corpus is shipped and none is fetched. Passages come from the docstrings of the standard library and of packages
that Watchglass needs, so topics, style and length vary as in written text. What such text does not hold (refusals,
insults, other languages) is put together from parts. Passages stand in for answers: that is what the numbers are worth.
"""

import ast
import importlib.util
import random
import re
from collections.abc import Iterator
from pathlib import Path

BASE_TOPICS = ("numpy", "pandas", "scipy", "sklearn", "stdlib")
"""What the reference consists of."""
NEW_TOPIC = "streamlit"
"""What nobody asked about before."""
_LENGTH = (250, 1500)
"""Shortest and longest passage, in characters."""
_EXAMPLE = re.compile(r"^\s*(>>>|\.\.\. |array\()", re.MULTILINE)

_OPENINGS = (
    "I'm sorry, but I", "I apologize, but I", "Unfortunately, I", "As an AI language model, I", "I'm afraid I",
    "Thank you for asking, but I", "I understand your request, however I", "Sorry, I",
)  # fmt: skip
_REFUSALS = (
    "can't help with that request", "am not able to assist with this", "cannot provide that information",
    "am unable to comply with this request", "can't discuss this topic", "won't be able to complete that task",
)  # fmt: skip
_REASONS = (
    "because it may violate our policy", "as it could cause harm to others", "since I do not have access to that data",
    "for reasons of safety and privacy", "as this goes against my guidelines", "",
)  # fmt: skip
_CLOSINGS = (
    "Is there something else I can help you with?", "Please contact a qualified professional instead.",
    "If you have another question, feel free to ask.", "Let me know if you would like to discuss something else.", "",
)  # fmt: skip
_INSULTS = (
    "you are a stupid fucking idiot", "shut up, you worthless asshole", "what a piece of shit", "go to hell, bitch",
    "this is damn crap and so are you", "nobody likes a dumb bastard like you",
)  # fmt: skip
_FRENCH = (
    "le fichier", "la commande", "un utilisateur", "cette option permet de", "afficher", "dans le répertoire courant",
    "les paramètres suivants", "est utilisée pour", "si le programme", "ne peut pas être lu", "avec une valeur entière",
    "par défaut", "lorsque la fonction", "renvoie une erreur", "et l'entrée standard", "sans modifier", "il faut donc",
)  # fmt: skip
_GERMAN = (
    "die Datei", "der Befehl", "ein Benutzer", "diese Option erlaubt", "anzeigen", "im aktuellen Verzeichnis",
    "die folgenden Parameter", "wird verwendet für", "wenn das Programm", "kann nicht gelesen werden", "mit einem Wert",
    "standardmäßig", "sobald die Funktion", "gibt einen Fehler zurück", "und die Standardeingabe", "ohne zu ändern",
)  # fmt: skip


def passages(topic: str, *, limit: int = 4000) -> list[str]:
    """Distinct passages of one package's docstrings, in a fixed order that mixes its modules.

    Args:
        topic: an importable package, or "stdlib". Nothing of it is imported.
        limit: the most passages.
    """
    found: dict[str, None] = {}
    for path in _files(topic):
        for docstring in _docstrings(path):
            passage = ""
            for part in re.split(r"\n\s*\n", docstring):
                if not _EXAMPLE.search(part):
                    passage = f"{passage} {' '.join(part.split())}".strip()
                if len(passage) >= _LENGTH[0]:
                    found[passage[: _LENGTH[1]]] = None
                    passage = ""
    texts = sorted(found)
    random.Random(topic).shuffle(texts)
    return texts[:limit]


def refusal(rng: random.Random) -> str:
    """Make up an answer that declines."""
    return f"{rng.choice(_OPENINGS)} {rng.choice(_REFUSALS)} {rng.choice(_REASONS)}. {rng.choice(_CLOSINGS)}".strip()


def insult(text: str, rng: random.Random) -> str:
    """Put an insult into a text, somewhere."""
    words = text.split()
    place = rng.randrange(len(words) + 1)
    return " ".join([*words[:place], rng.choice(_INSULTS) + ",", *words[place:]])


def foreign(rng: random.Random) -> str:
    """Make up a paragraph in French or German."""
    phrases = rng.choice((_FRENCH, _GERMAN))
    sentences = [" ".join(rng.choices(phrases, k=rng.randint(4, 9))).capitalize() for _ in range(rng.randint(1, 5))]
    return ". ".join(sentences) + "."


def shortened(text: str) -> str:
    """Leave out the last 30 % of a text's words."""
    words = text.split()
    return " ".join(words[: max(1, round(0.7 * len(words)))])


def lower_case(text: str) -> str:
    """Write a text as people chat: small letters, no full stops."""
    return text.lower().replace(".", "").replace(",", "")


def _files(topic: str) -> Iterator[Path]:
    if topic == "stdlib":
        root = Path(ast.__file__).parent
        skipped = {"site-packages", "dist-packages", "test", "tests", "idlelib", "lib2to3", "ensurepip"}
        yield from (p for p in sorted(root.rglob("*.py")) if not skipped & set(p.relative_to(root).parts))
        return
    spec = importlib.util.find_spec(topic)
    for folder in (spec and spec.submodule_search_locations) or ():
        yield from sorted(Path(folder).rglob("*.py"))


def _docstrings(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield text
