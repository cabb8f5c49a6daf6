# PASCAL VOC 2007 test through mmdet's own dataset and metric; nothing is trained.
_base_ = "./transfer_test.py"
data_root = "data/VOCdevkit/"
test_dataloader = dict(
    dataset=dict(
        type="VOCDataset",
        data_root=data_root,
        ann_file="VOC2007/ImageSets/Main/test.txt",
        data_prefix=dict(sub_data_root="VOC2007/"),
    ),
)
test_evaluator = dict(type="VOCMetric", metric="mAP", eval_mode="11points")
