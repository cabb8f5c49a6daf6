# Fully supervised: all eleven classes are labelled.
_base_ = "./lseg_clip-resnet_camvid.py"
train_dataloader = dict(dataset=dict(withheld=()))
