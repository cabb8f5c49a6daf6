# A stronger teacher: CLIP ViT-L/14, whose joint space is 768 wide. It needs a cache of its own embeddings:
# `tools/precompute_proposals.py` with this config and `--out work_dirs/proposals_lvis-v1_vit-l-14`.
_base_ = "./vild_mask-rcnn_r50_fpn_lsj_lvis-v1.py"
encoder = dict(model="ViT-L-14-quickgelu")
# an L1 distance of unit vectors grows with the root of their width: 0.41 at 768 equals 0.5 at 512
model = dict(roi_head=dict(encoder=encoder, distillation=dict(weight=0.41)))
proposal_cache = "work_dirs/proposals_lvis-v1_vit-l-14"
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            dict(type="clip_plugins.LoadImage"),
            dict(type="LoadAnnotations", with_bbox=True, with_mask=True),
            dict(type="clip_plugins.LoadCachedProposals", cache=proposal_cache, max_proposals=300),
            dict(type="clip_plugins.KeepProposals", transforms={{_base_.moves}}),
            dict(type="clip_plugins.PackOpenVocabularyInputs"),
        ]
    )
)
