"""mmseg's own installed tools train and test GroupViT; the config's only link to us is custom_imports."""
import pytest

pytest.importorskip("mmseg")

from tests.segmentation.test_drop_in import CONFIG, ROOT, TOOLS, evaluate_and_draw, run

SMALL = ["train_cfg.max_iters=1", "train_cfg.val_interval=1", "default_hooks.checkpoint.interval=1",
         "default_hooks.logger.interval=1", "train_dataloader.batch_size=2", "train_dataloader.num_workers=0",
         "train_dataloader.persistent_workers=False"]


@pytest.mark.skipif(not TOOLS.is_dir(), reason="this mmseg was installed without its tools")
def test_mmsegs_tools_train_and_test_groupvit(tiny_ov_shapes, tmp_path):
    config = tmp_path / "groupvit.py"
    demo = ROOT / "configs/groupvit/groupvit_tiny-clip_16-groups_demo_ov_shapes.py"
    config.write_text(CONFIG.format(base=str(demo)))
    annotations, captions = tiny_ov_shapes / "annotations", "train_dataloader.dataset"
    small = [*SMALL, f"{captions}.dataset.data_root={tiny_ov_shapes}/",
             f"{captions}.nouns.ann_file={annotations}/captions.jsonl",
             f"{captions}.classes={annotations}/instances_train_all.json"]
    for loader in ("val_dataloader", "test_dataloader"):
        small += [f"{loader}.dataset.data_root={tiny_ov_shapes}", f"{loader}.num_workers=0"]
    work = ["--work-dir", str(tmp_path / "work")]
    told = run(str(TOOLS / "train.py"), str(config), *work, "--cfg-options", *small, folder=tmp_path)
    assert "loss_all_names" in told and (tmp_path / "work" / "iter_1.pth").is_file()
    evaluate_and_draw(config, work, small, tmp_path)
