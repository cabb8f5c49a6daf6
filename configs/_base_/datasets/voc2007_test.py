# PASCAL VOC 2007 test through mmdet's own dataset and metric; nothing is trained.
data_root = "data/VOCdevkit/"
test_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    drop_last=False,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        type="VOCDataset",
        data_root=data_root,
        ann_file="VOC2007/ImageSets/Main/test.txt",
        data_prefix=dict(sub_data_root="VOC2007/"),
        test_mode=True,
    ),
)
test_evaluator = dict(type="VOCMetric", metric="mAP", eval_mode="11points")
