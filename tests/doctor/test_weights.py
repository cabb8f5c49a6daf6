from clip_plugins.configs import PACKAGE
from clip_plugins.doctor import weights
from clip_plugins.doctor.findings import Findings

WEIGHTS = PACKAGE / "encoders" / "weights"


def encoder_findings(**encoder):
    findings = Findings("weights")
    weights.read_encoder(findings, encoder)
    return findings


def test_the_shipped_weights_are_whole():
    findings = Findings("weights")
    weights.read_shipped(findings)
    assert findings.troubles == [] and len(findings.facts) == 2


def test_a_weight_file_that_is_cut_off_or_absent_is_a_trouble(tmp_path):
    start = (WEIGHTS / "tiny_resnet.safetensors").read_bytes()[:500]
    (tmp_path / "tiny_resnet.safetensors").write_bytes(start)
    findings = Findings("weights")
    weights.read_shipped(findings, tmp_path)
    assert ["install clip_plugins again" in trouble for trouble in findings.troubles] == [True, True]


def test_a_local_file_is_a_fact():
    file = str(WEIGHTS / "tiny_vit.safetensors")
    findings = encoder_findings(model="ViT-B-32", pretrained=file)
    assert findings.troubles == [] and file in findings.facts[0]


def test_a_missing_local_file_is_a_trouble_on_line_too():
    findings = encoder_findings(model="ViT-B-32", pretrained="local-dir:absent")
    assert "the folder absent is missing; provide it" in findings.troubles[0]


def test_the_dicts_of_a_nest_are_all_found():
    nest = {"a": [{"b": 1}, ({"c": {}},)]}
    assert list(weights.dicts(nest)) == [nest, {"b": 1}, {"c": {}}, {}]


def test_short_names_become_addresses():
    assert weights.checkpoint_address("torchvision://resnet50").startswith("https://")
    assert weights.checkpoint_address("backbone.pth") == "backbone.pth"
