"""GroupViT: the stored cases of the official code through the classes that our configs build."""
from tests.parity import _groupvit_seg as seg
from tests.parity import _groupvit_text as text
from tests.parity import _groupvit_towers as towers

CASES = {
    "groupvit-image": towers.image,
    "groupvit-grouping": towers.grouping,
    "groupvit-text": text.text,
    "groupvit-loss": text.loss,
    "groupvit-prompts": text.prompts,
    "groupvit-seg": seg.segmentation,
    "groupvit-checkpoint": seg.checkpoint,
}
ACCEPT = {"groupvit-seg": seg.accept}
