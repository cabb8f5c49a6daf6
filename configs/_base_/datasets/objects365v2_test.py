# Objects365 v2's validation images through mmdet's own dataset and metric; nothing is trained.
_base_ = "./transfer_test.py"
data_root = "data/Objects365/Obj365_v2/"
val_file = "annotations/zhiyuan_objv2_val.json"
test_dataloader = dict(
    dataset=dict(
        type="Objects365V2Dataset",
        data_root=data_root,
        ann_file=val_file,
        data_prefix=dict(img="val/"),
    ),
)
test_evaluator = dict(type="CocoMetric", ann_file=data_root + val_file, metric="bbox")
