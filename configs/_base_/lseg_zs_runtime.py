# The zero-shot recipe: 4 epochs, after which the official runs stop themselves.
_base_ = "./lseg_paper_runtime.py"
optim_wrapper = dict(optimizer=dict(lr=0.004 / 16 * 4), accumulative_counts=1)
param_scheduler = [dict(type="PolyLR", power=0.9, eta_min=0, begin=0, end=241, by_epoch=True)]
train_cfg = dict(max_epochs=4, val_interval=1)
auto_scale_lr = dict(enable=False, base_batch_size=4)
