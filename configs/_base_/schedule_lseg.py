# The paper's recipe: SGD, poly schedule once an epoch, decoder ten times as fast as tower and reassembling.
# The official rate is .004 / 16 for each image of a batch; here for 6 images, one on each of 6 GPUs.
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="SGD", lr=0.004 / 16 * 6, momentum=0.9, weight_decay=1e-4),
    accumulative_counts=2,
    paramwise_cfg=dict(
        custom_keys={
            "decoder": dict(lr_mult=10),
            "decoder.reassemble": dict(lr_mult=1),
            "to_joint": dict(lr_mult=10),
            "smoothing": dict(lr_mult=10),
        }
    ),
)
# mmengine reaches eta_min one epoch before `end`; the official rate is (1 - epoch / 240)^.9
param_scheduler = [dict(type="PolyLR", power=0.9, eta_min=0, begin=0, end=241, by_epoch=True)]
train_cfg = dict(type="clip_plugins.ResumableEpochLoop", max_epochs=240, val_interval=20)
auto_scale_lr = dict(enable=False, base_batch_size=6)
