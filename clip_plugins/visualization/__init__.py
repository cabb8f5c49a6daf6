"""Every picture the tools draw."""
from clip_plugins.visualization.charts import Calibration, bar_chart, calibration, calibration_plot
from clip_plugins.visualization.curves import read_scalars, training_curves
from clip_plugins.visualization.detections import Detections, comparison, draw_detections
from clip_plugins.visualization.files import safe_name, save_picture
from clip_plugins.visualization.groups import draw_groups, group_colours, groups_sheet
from clip_plugins.visualization.hook import DetectionPictures
from clip_plugins.visualization.mask_hook import SegmentationPictures
from clip_plugins.visualization.masks import Masks, draw_masks, mask_comparison
from clip_plugins.visualization.sheets import contact_sheet

__all__ = ["Calibration", "DetectionPictures", "Detections", "Masks", "SegmentationPictures", "bar_chart",
           "calibration", "calibration_plot", "comparison", "contact_sheet", "draw_detections", "draw_groups",
           "draw_masks", "group_colours", "groups_sheet", "mask_comparison", "read_scalars", "safe_name",
           "save_picture", "training_curves"]
