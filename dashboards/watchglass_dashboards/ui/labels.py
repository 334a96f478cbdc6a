"""The sets of labels that people give on the Review page, one key each."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Label:
    """One verdict."""

    text: str
    value: float
    """Between 0 and 1, higher is better."""
    icon: str


#: Name of the human score -> its labels; the place in the list is the key.
LABEL_SETS: dict[str, tuple[Label, ...]] = {
    "human_quality": (
        Label("Good", 1.0, ":material/thumb_up:"),
        Label("Partly", 0.5, ":material/thumbs_up_down:"),
        Label("Bad", 0.0, ":material/thumb_down:"),
    ),
    "human_issue": (
        Label("No issue", 1.0, ":material/check:"),
        Label("Wrong", 0.0, ":material/close:"),
        Label("Made up", 0.0, ":material/psychology_alt:"),
        Label("Unsafe", 0.0, ":material/gpp_bad:"),
        Label("Off topic", 0.0, ":material/wrong_location:"),
        Label("Refused", 0.0, ":material/block:"),
    ),
    "human_rating": tuple(
        Label(text, place / 4, f":material/counter_{place + 1}:")
        for place, text in enumerate(("Very bad", "Bad", "Middling", "Good", "Very good"))
    ),
}
