import pytest

from clip_plugins.cli.seeds import (
    mean_and_spread,
    report_seeds,
    require_marks,
    spread_table,
    write_between_marks,
)
from clip_plugins.errors import DataError
from clip_plugins.files import read_json

TABLES = [[{"method": "a", "ap50_all": 1.0}], [{"method": "a", "ap50_all": 3.0}]]


def test_mean_and_standard_deviation_by_hand():
    assert mean_and_spread(TABLES) == [{"method": "a", "ap50_all": 2.0, "ap50_all_spread": 1.41}]


def test_one_seed_has_no_spread():
    assert mean_and_spread(TABLES[:1]) == [{"method": "a", "ap50_all": 1.0, "ap50_all_spread": 0.0}]


def test_a_cell_shows_both():
    assert "| a | 2.0 ± 1.4 |" in spread_table(mean_and_spread(TABLES))


def test_only_the_text_between_the_marks_is_replaced(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("above\n<!-- tool.py -->\nold\n<!-- end -->\nbelow\n")
    write_between_marks(readme, "tool.py", "new\n")
    assert readme.read_text() == "above\n<!-- tool.py -->\nnew\n<!-- end -->\nbelow\n"


def test_a_file_without_marks_is_refused_and_kept(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("nothing here")
    with pytest.raises(DataError, match=r"tool\.py"):
        write_between_marks(readme, "tool.py", "new\n")
    assert readme.read_text() == "nothing here"


def test_a_report_is_written_to_its_folder_and_between_the_marks(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- tool.py -->\n<!-- end -->\n")
    table = report_seeds(TABLES, 1.5, (0, 1), tmp_path / "out", "tool.py", readme)
    assert table in readme.read_text() and table == (tmp_path / "out" / "summary.md").read_text()
    summary = read_json(tmp_path / "out" / "summary.json")
    assert (summary["minutes"], summary["seed"]) == (1.5, [0, 1])


def test_missing_marks_are_told_before_the_work(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("<!-- tool.py -->\n<!-- end -->\n")
    require_marks(readme, "tool.py")
    require_marks(None, "tool.py")
    with pytest.raises(DataError, match="other"):
        require_marks(readme, "other.py")
