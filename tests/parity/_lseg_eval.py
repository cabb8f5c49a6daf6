"""lseg-eval and lseg-fewshot-metric through the classes that test configs name."""
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from clip_plugins.datasets.few_shot import episode_mask, fold_classes, resize_nearest
from clip_plugins.evaluation import OpenVocabularyIoU
from clip_plugins.evaluation.few_shot import episode_areas, fold_iou, summarise
from clip_plugins.segmentation.lseg.inference import MultiScale
from tests.parity.harness import Case, Row, compare_tensor

TIE = 1e-3  # scores that are nearer than this may swap


def stand_in(given: dict[str, Tensor]):
    """The case's small network, which knows where in the window it is."""
    def network(windows: Tensor) -> Tensor:
        side = windows.shape[-1]
        u = torch.arange(side) / (side - 1)
        z = torch.tanh(F.conv2d(windows, given["net.W"], given["net.b"], padding=1))
        columns, rows = u[None, None, :], u[None, :, None]
        return z * (1 + given["net.a"][:, None, None] * columns) + given["net.c"][:, None, None] * rows ** 2
    return network


def evaluation(case: Case) -> dict[str, Tensor]:
    out = {}
    for name, config in case.config.items():
        if "base_size" not in config:
            continue
        given = case.under(f"in.{name}.")
        evaluator = MultiScale(config["base_size"], config["crop_size"], tuple(config["scales"]),
                               config["flip"])
        assert evaluator.stride == config["stride"]
        for plan in config["plan"]:
            size = evaluator.size_at(plan["scale"], *config["image"])
            assert list(size) == plan["size"]
            canvas = [max(side, config["crop_size"]) for side in size]
            assert len(evaluator.windows(*canvas)) == plan["windows"]
        network, pad = stand_in(given), torch.tensor(config["pad_value"])
        scores = evaluator.scores(given["image"], network, pad)
        out |= {f"out.{name}.scores": scores, f"out.{name}.labels": scores.argmax(1).to(torch.uint8)}
        for key in case.under(f"out.{name}.score_"):
            one = evaluator.scores_at(float(key), given["image"], network, pad)
            out[f"out.{name}.score_{key}"] = F.interpolate(one, size=config["image"], mode="bilinear",
                                                           align_corners=True)
    return out | metric(case)


def metric(case: Case) -> dict[str, Tensor]:
    config = case.config["metric"]
    judge = OpenVocabularyIoU(ignore_index=config["ignore"], absent_is_zero=True)
    judge.dataset_meta = {"classes": [f"class {number}" for number in range(config["classes"])]}
    images = 0
    for number in range(config["batches"]):
        scores, truth = case[f"in.metric.scores{number}"], case[f"in.metric.target{number}"]
        judge.process({}, [{"pred_sem_seg": {"data": one.argmax(0)[None]}, "gt_sem_seg": {"data": mask[None]}}
                           for one, mask in zip(scores, truth)])
        images += len(scores)
    totals = np.sum([result[0] for result in judge.results], axis=0)
    figures = judge.evaluate(images)
    found = {"inter": totals[0], "union": totals[1] + totals[2] - totals[0], "correct": totals[0].sum(),
             "labeled": totals[2].sum(), "pix_acc": figures["seg/pix_acc"] / 100,
             "miou": figures["seg/miou"] / 100}
    expected = case.under("out.metric.")
    return {f"out.metric.{key}": torch.as_tensor(found[key]).to(value.dtype).reshape(value.shape)
            for key, value in expected.items()}


def accept_ties(case: Case, outputs: dict[str, Tensor]) -> list[Row]:
    """Labels equal wherever the two best scores differ by more than TIE."""
    rows = []
    for name, expected in case.expected.items():
        if name.endswith(".labels"):
            best = case[name.replace(".labels", ".scores")].topk(2, dim=1).values
            sure = best[:, 0] - best[:, 1] > TIE
            rows.append(compare_tensor(name, expected[sure], outputs[name][sure], case.tolerance(name)))
    return rows


def few_shot(case: Case) -> dict[str, Tensor]:
    out = {}
    for name, config in case.config["sub_cases"].items():
        given, side = case.under(f"in.{name}."), config["img_size"]
        benchmark, ids = config["benchmark"], given["class_id"].tolist()
        small = [resize_nearest(raw.numpy(), side) for raw in given["raw_mask"]]
        masks = np.stack([episode_mask(one, benchmark, number) for one, number in zip(small, ids)])
        out[f"out.{name}.mask"] = torch.from_numpy((masks == 1).astype(np.uint8))
        if f"out.{name}.ignore" in case.expected:
            out[f"out.{name}.ignore"] = torch.from_numpy((masks == 255).astype(np.uint8))
        areas = torch.stack([episode_areas(prediction, torch.from_numpy(mask))
                             for prediction, mask in zip(given["pred"], masks)])
        classes = fold_classes(benchmark, config["fold"])
        figures = summarise(areas.numpy(), ids, classes)
        found = {"area_inter": areas[:, 0], "area_union": areas[:, 1],
                 "iou_fold": torch.from_numpy(fold_iou(areas.numpy(), ids, classes)),
                 "miou": torch.tensor(figures["miou"]), "fb_iou": torch.tensor(figures["fb_iou"])}
        for key, value in found.items():
            expected = case[f"out.{name}.{key}"]
            out[f"out.{name}.{key}"] = value.to(expected.dtype).reshape(expected.shape)
    return out
