from watchglass_cli.table import MAX_CELL, table


def test_numbers_are_right_aligned_under_their_name() -> None:
    assert table([{"name": "bleu", "calls": 3}, {"name": "rouge_l", "calls": 12}]) == (
        "name     calls\nbleu         3\nrouge_l     12"
    )


def test_no_rows_says_so() -> None:
    assert table([]) == "(no rows)"


def test_hostile_cells_cannot_move_the_cursor_or_break_the_line() -> None:
    text = table([{"a": "x\x1b[2Jy\nz\r\x9b31m"}])
    assert text == "a\nx[2Jy z31m"


def test_long_cells_are_cut() -> None:
    assert len(table([{"a": "x" * 1000}]).splitlines()[1]) == MAX_CELL
