import json

from PIL import Image

from clip_plugins.cli.ov_shapes import GROUPS, demo_rows, walk
from clip_plugins.cli.pictures import draw_walk


def test_a_walk_leaves_the_table_curves_and_detections_as_pictures(tmp_path):
    job = walk(tmp_path, demo_rows()[2:3], seed=0)
    text = job.rows[0]
    log = job.folder_of(text) / "20260101" / "vis_data" / "scalars.json"
    log.parent.mkdir(parents=True)
    log.write_text("".join(json.dumps({"step": step, "loss": 1 / step}) + "\n" for step in (1, 2, 3)))
    job.pictures(text).mkdir()
    Image.new("RGB", (8, 8)).save(job.pictures(text) / "sheet.png")
    rows = [{"method": text.method, **{f"ap50_{group}": 10.0 for group in GROUPS}}]
    folder = draw_walk(job, rows)
    assert sorted(path.name for path in folder.iterdir()) == [
        "curves_vild-text.png", "detections_vild-text.png", "table.png"]
    assert all(Image.open(path).size[0] > 0 for path in folder.iterdir())
