"""Golden answers by prompt: the table `references`."""

from collections.abc import Sequence

from watchglass_store.client import Store


def add_references(store: Store, pairs: Sequence[tuple[str, str]], *, dataset: str, author: str) -> None:
    """Add golden answers; a later answer to the same prompt in the same dataset replaces the earlier one.

    Args:
        store: where to.
        pairs: (prompt, reference answer).
        dataset: name of the set.
        author: who says so.
    """
    rows = [
        {"prompt_text": prompt, "reference_text": answer, "dataset": dataset, "created_by": author}
        for prompt, answer in pairs
    ]
    if rows:
        store.insert("references", rows)
