"""Judges: scores by a language model behind any OpenAI-compatible endpoint. docs/judge.md describes them."""
