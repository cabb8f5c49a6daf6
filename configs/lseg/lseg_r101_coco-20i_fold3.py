# COCO-20i, every fourth class from 3 on held out.
_base_ = "./lseg_r101_coco-20i_fold0.py"
train_dataloader = dict(dataset=dict(ann_file="splits/trn/fold3.json", fold=3))
test_dataloader = dict(dataset=dict(ann_file="splits/val/fold3.json", fold=3))
val_dataloader = test_dataloader
