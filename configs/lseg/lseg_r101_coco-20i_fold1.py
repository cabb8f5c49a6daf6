# COCO-20i, every fourth class from 1 on held out.
_base_ = "./lseg_r101_coco-20i_fold0.py"
train_dataloader = dict(dataset=dict(ann_file="splits/trn/fold1.json", fold=1))
test_dataloader = dict(dataset=dict(ann_file="splits/val/fold1.json", fold=1))
val_dataloader = test_dataloader
