"""Runs in the interpreter that has Evidently: reads task.json, writes answer.json and report.html."""

import json
import sys
import warnings
from pathlib import Path


def main(folder: Path) -> None:
    """Run the report that the task asks for."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report  # type: ignore[import-not-found, unused-ignore]
    from evidently.metrics import ValueDrift  # type: ignore[import-not-found, unused-ignore]
    from evidently.presets import DataDriftPreset  # type: ignore[import-not-found, unused-ignore]

    warnings.simplefilter("ignore")
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    text = [task["text_column"]] if task["text_column"] else []
    columns = list(task["current"])
    definition = DataDefinition(text_columns=text, numerical_columns=[c for c in columns if c not in text])
    current, reference = (
        Dataset.from_pandas(pd.DataFrame(task[side]), data_definition=definition) for side in ("current", "reference")
    )
    metrics = [ValueDrift(column=columns[0], method=task["method"])] if task["method"] else [DataDriftPreset()]
    snapshot = Report(metrics, include_tests=True).run(current, reference)
    answer = snapshot.dict()
    kept = {
        "metrics": [{"config": m["config"], "value": m["value"]} for m in answer["metrics"]],
        "tests": [{"name": t["name"], "status": getattr(t["status"], "value", t["status"])} for t in answer["tests"]],
    }
    (folder / "answer.json").write_text(json.dumps(kept, default=str), encoding="utf-8")
    snapshot.save_html(str(folder / "report.html"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
