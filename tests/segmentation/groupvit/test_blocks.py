import pytest
import torch

pytest.importorskip("mmseg")

from clip_plugins.errors import ConfigError, ShapeError
from clip_plugins.segmentation.groupvit.blocks import (
    GroupingBlock,
    GroupingRule,
    choose_groups,
    gumbel_noise,
    straight_through,
)

RAW = torch.tensor([[[2.0, 0.0, 1.0], [0.0, 3.0, 1.5]]])  # one image, two groups, three tokens


def block(rule: GroupingRule | None = None, out_width: int = 8) -> GroupingBlock:
    torch.manual_seed(0)
    return GroupingBlock(8, out_width, 2, 4, 2, rule or GroupingRule()).eval()


def test_each_token_takes_the_group_with_the_largest_logit():
    choice = choose_groups(RAW, GroupingRule(), training=False)
    assert choice.used.round().tolist() == [[[1, 0, 0], [0, 1, 1]]]
    torch.testing.assert_close(choice.soft.sum(1), torch.ones(1, 3))


def test_noise_moves_the_choice_in_training_alone():
    noise = torch.tensor([[[0.0, 5.0, 0.0], [0.0, 0.0, 0.0]]])
    training = choose_groups(RAW, GroupingRule(), True, noise)
    assert training.used.round().tolist() == [[[1, 1, 0], [0, 0, 1]]]
    assert torch.equal(training.soft, RAW.softmax(1))
    assert torch.equal(choose_groups(RAW, GroupingRule(), False, noise).used.round(),
                       choose_groups(RAW, GroupingRule(), False).used.round())


def test_the_temperature_sharpens_the_noisy_softmax():
    rule = GroupingRule(hard=False, gumbel=True, tau=0.5)
    noise = torch.zeros_like(RAW)
    torch.testing.assert_close(choose_groups(RAW, rule, True, noise).used, (RAW / 0.5).softmax(1))


def test_straight_through_is_one_hot_with_the_gradient_of_the_softmax():
    logits = RAW.clone().requires_grad_()
    weights = logits.softmax(1)
    factor = torch.arange(6.0).reshape(1, 2, 3)
    (straight_through(weights, 1) * factor).sum().backward()
    expected = torch.autograd.grad((RAW.requires_grad_().softmax(1) * factor).sum(), RAW)[0]
    torch.testing.assert_close(logits.grad, expected)


def test_gumbel_noise_has_its_mean():
    torch.manual_seed(0)
    assert abs(float(gumbel_noise(torch.zeros(20000)).mean()) - 0.5772) < 0.05


def test_a_group_without_tokens_gets_the_bias_alone():
    grouping = block()
    tokens = torch.randn(1, 3, 8).expand(1, 3, 8)[:, :1].expand(1, 3, 8)  # equal tokens: all choose one group
    seen = {}
    grouping.assign.register_forward_hook(lambda _, __, output: seen.update(out=output))
    grouping(tokens, torch.randn(1, 4, 8))
    assigned, choice = seen["out"]
    empty = int(choice.used[0].sum(-1).argmin())
    assert choice.used[0, empty].round().sum() == 0
    torch.testing.assert_close(assigned[0, empty], grouping.assign.proj.bias)


@pytest.mark.parametrize(("rule", "factor"), [(GroupingRule(), 3 / 4), (GroupingRule(assign_eps=0.0), 1.0),
                                              (GroupingRule(sums=True), 3.0)])
def test_a_group_is_the_shrunken_mean_or_the_sum_of_its_tokens(rule, factor):
    grouping = block(rule)
    token = torch.randn(1, 1, 8)
    assigned, choice = grouping.assign(torch.randn(1, 2, 8), token.expand(1, 3, 8))
    full = int(choice.used[0].sum(-1).argmax())
    value = factor * grouping.assign.v_proj(token[0, 0])
    torch.testing.assert_close(assigned[0, full], grouping.assign.proj(value), atol=1e-5, rtol=1e-4)


def test_groups_dont_depend_on_the_order_of_tokens():
    grouping, tokens, group_tokens = block(), torch.randn(2, 9, 8), torch.randn(2, 4, 8)
    groups, choice = grouping(tokens, group_tokens)
    order = torch.randperm(9)
    moved, moved_choice = grouping(tokens[:, order], group_tokens)
    torch.testing.assert_close(groups, moved, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(choice.soft[..., order], moved_choice.soft, atol=1e-5, rtol=1e-4)


def test_the_width_may_change():
    groups, _ = block(out_width=12)(torch.randn(2, 9, 8), torch.randn(2, 4, 8))
    assert groups.shape == (2, 2, 12)


def test_every_weight_gets_a_gradient():
    grouping = block().train()
    grouping(torch.randn(2, 9, 8), torch.randn(2, 4, 8))[0].square().sum().backward()
    assert not [name for name, weight in grouping.named_parameters() if weight.grad is None]


def test_other_numbers_of_group_tokens_are_refused():
    with pytest.raises(ShapeError, match="mixes 4 group tokens, not 3"):
        block()(torch.randn(1, 9, 8), torch.randn(1, 3, 8))


def test_impossible_rules_and_heads_are_refused():
    with pytest.raises(ConfigError, match="tau=0"):
        GroupingRule(tau=0.0)
    with pytest.raises(ConfigError, match="3 heads"):
        GroupingBlock(8, 8, 3, 4, 2, GroupingRule())
