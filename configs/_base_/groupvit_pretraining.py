# The published recipe: 30 epochs, batch 4096 on 16 GPUs, AdamW 1.6e-3, 2 epochs of warm-up, cosine.
batch_size = 256  # a process
max_epochs = 30
train_cfg = dict(type="clip_plugins.ResumableEpochLoop", max_epochs=max_epochs, val_interval=5)
sync_bn = "torch"  # the projectors' statistics run over the batch of all processes
optim_wrapper = dict(
    type="OptimWrapper",
    optimizer=dict(type="AdamW", lr=1.6e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
    clip_grad=dict(max_norm=5.0),
    # positions, group tokens and token embeddings do decay, as in the released code
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0,
                       custom_keys={"logit_scale": dict(decay_mult=0.0)}),
)
param_scheduler = [
    dict(type="LinearLR", start_factor=0.0025, by_epoch=True, begin=0, end=2, convert_to_iter_based=True),
    dict(type="CosineAnnealingLR", eta_min=4e-5, by_epoch=True, begin=2, end=max_epochs,
         convert_to_iter_based=True),
]
auto_scale_lr = dict(enable=False, base_batch_size=4096)
