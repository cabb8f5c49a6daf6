# COCO-20i, every fourth class from 2 on held out.
_base_ = "./lseg_r101_coco-20i_fold0.py"
train_dataloader = dict(dataset=dict(ann_file="splits/trn/fold2.json", fold=2))
test_dataloader = dict(dataset=dict(ann_file="splits/val/fold2.json", fold=2))
val_dataloader = test_dataloader
