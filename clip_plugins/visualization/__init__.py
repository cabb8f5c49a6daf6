"""Every picture the tools draw."""
from clip_plugins.visualization.charts import Calibration, bar_chart, calibration, calibration_plot
from clip_plugins.visualization.curves import read_scalars, training_curves
from clip_plugins.visualization.detections import Detections, comparison, draw_detections
from clip_plugins.visualization.files import safe_name, save_picture
from clip_plugins.visualization.hook import DetectionPictures
from clip_plugins.visualization.sheets import contact_sheet

__all__ = ["Calibration", "DetectionPictures", "Detections", "bar_chart", "calibration", "calibration_plot",
           "comparison", "contact_sheet", "draw_detections", "read_scalars", "safe_name", "save_picture",
           "training_curves"]
