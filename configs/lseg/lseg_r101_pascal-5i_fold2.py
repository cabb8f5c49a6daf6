# PASCAL-5i, classes 10 to 14 held out.
_base_ = "./lseg_r101_pascal-5i_fold0.py"
train_dataloader = dict(dataset=dict(ann_file="splits/trn/fold2.txt", fold=2))
test_dataloader = dict(dataset=dict(ann_file="splits/val/fold2.txt", fold=2))
val_dataloader = test_dataloader
