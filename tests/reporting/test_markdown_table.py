from cxrmlops.reporting.markdown_table import table


def test_a_bar_or_a_line_end_in_a_cell_makes_no_column_and_no_row():
    lines = table(("what", "why"), [["a|b", "two\nlines"], ["c", 3]])

    assert lines == [
        "| what | why |",
        "|---|---|",
        "| a\\|b | two lines |",
        "| c | 3 |",
    ]
