"""The official recipe with free opacities and widths; strokes that fade are left out at the end."""
_base_ = "./clipasso_rn101_224.py"
model = dict(schedule=dict(opacity_rate=0.01, width_rate=0.05))
options = dict(prunes=True)
