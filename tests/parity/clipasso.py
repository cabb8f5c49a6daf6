"""CLIPasso: the stored cases through our rasteriser, SVG, losses, starts and optimiser."""
from tests.parity import _clipasso_fit as fit
from tests.parity import _clipasso_losses as losses
from tests.parity import _clipasso_optim as optim
from tests.parity import _clipasso_render as painting
from tests.parity import _clipasso_saliency as saliency
from tests.parity import _clipasso_svg as svg

CASES = {
    "clipasso-render": painting.render_scenes,
    "clipasso-grad": painting.gradients,
    "clipasso-fit-l2": fit.fit_scenes,
    "clipasso-svg": svg.files,
    "clipasso-losses": losses.losses,
    "clipasso-augment": losses.augment,
    "clipasso-saliency": saliency.saliency,
    "clipasso-optim": optim.optim,
}
ACCEPT = {
    "clipasso-render": painting.accept_scenes,
    "clipasso-grad": painting.accept_gradients,
    "clipasso-fit-l2": fit.accept,
    "clipasso-svg": svg.accept,
    "clipasso-saliency": saliency.accept,
}
