# The text tower learns, too: does that hurt names that it never sees?
_base_ = "./lseg_tiny-clip_demo_ov_shapes.py"
model = dict(finetune_text=True)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(tuned_text=dict(lr_mult=0.2))))
