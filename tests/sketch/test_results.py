import pytest
import torch

from clip_plugins.errors import DataError
from clip_plugins.sketch.results import abstraction_sheet, as_picture, prepare_folder, work_key


def test_values_are_rounded_and_kept_in_range():
    image = torch.tensor([-0.5, 0.0, 0.5, 1.5])[:, None].expand(3, 4, 1)
    assert as_picture(image)[:, 0, 0].tolist() == [0, 0, 128, 255]


def test_the_sheet_shows_target_and_sketches_by_number():
    sheet = abstraction_sheet(as_picture(torch.ones(3, 20, 20)), {8: as_picture(torch.zeros(3, 20, 20)),
                                                      4: as_picture(torch.ones(3, 20, 20))})
    assert sheet.width >= 3 * 20 and sheet.height >= 20


def test_the_key_changes_with_settings_and_files(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(b"one")
    first = work_key({"strokes": 4}, [file])
    assert first == work_key({"strokes": 4}, [file]) != work_key({"strokes": 5}, [file])
    file.write_bytes(b"two")
    assert first != work_key({"strokes": 4}, [file])
    with pytest.raises(DataError, match="can't be read"):
        work_key({}, [tmp_path / "absent"])


def test_a_folder_under_a_file_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="choose another folder"):
        prepare_folder(tmp_path / "file" / "inside")
