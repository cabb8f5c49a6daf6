# Objects365 v2's validation images through mmdet's own dataset and metric; nothing is trained.
data_root = "data/Objects365/Obj365_v2/"
val_file = "annotations/zhiyuan_objv2_val.json"
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="Objects365V2Dataset",
        data_root=data_root,
        ann_file=val_file,
        data_prefix=dict(img="val/"),
        test_mode=True,
    ),
)
test_evaluator = dict(type="CocoMetric", ann_file=data_root + val_file, metric="bbox")
