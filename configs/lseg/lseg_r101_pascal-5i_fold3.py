# PASCAL-5i, classes 15 to 19 held out.
_base_ = "./lseg_r101_pascal-5i_fold0.py"
train_dataloader = dict(dataset=dict(ann_file="splits/trn/fold3.txt", fold=3))
test_dataloader = dict(dataset=dict(ann_file="splits/val/fold3.txt", fold=3))
val_dataloader = test_dataloader
