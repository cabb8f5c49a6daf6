# The first stage alone, to see what its best boxes find. It is tested with weights of a two-stage detector.
_base_ = "./base_faster-rcnn_tiny-clip_fpn_demo_ov_shapes.py"
model = dict(
    _delete_=True,
    type="RPN",
    data_preprocessor={{_base_.model.data_preprocessor}},
    backbone={{_base_.model.backbone}},
    neck={{_base_.model.neck}},
    rpn_head={{_base_.model.rpn_head}},
    train_cfg={{_base_.model.train_cfg}},
    test_cfg={{_base_.model.test_cfg}},
)
