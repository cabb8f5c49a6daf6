# PASCAL-5i, classes 5 to 9 held out.
_base_ = "./lseg_r101_pascal-5i_fold0.py"
train_dataloader = dict(dataset=dict(ann_file="splits/trn/fold1.txt", fold=1))
test_dataloader = dict(dataset=dict(ann_file="splits/val/fold1.txt", fold=1))
val_dataloader = test_dataloader
