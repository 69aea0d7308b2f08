import torch
from torch import nn

from cxrmlops.model.averaging import running_average


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def test_the_average_follows_weights_and_statistics_alike():
    learnt = network()
    average = running_average(learnt, decay=0.5)
    before = learnt[0].weight.detach().clone()
    with torch.no_grad():
        learnt[0].weight += 1
        learnt[1].running_mean += 4

    average.n_averaged.fill_(1000)
    average.update_parameters(learnt)

    torch.testing.assert_close(average.module[0].weight, before + 0.5)
    torch.testing.assert_close(average.module[1].running_mean, torch.full((2,), 2.0))


def test_early_on_the_average_keeps_little_of_the_random_start():
    learnt = network()
    average = running_average(learnt, decay=0.999)
    with torch.no_grad():
        learnt[0].bias.fill_(10.0)

    average.update_parameters(learnt)

    torch.testing.assert_close(
        average.module[0].bias, 10 - (10 - network()[0].bias) * 0.1
    )


def test_decay_0_is_the_network_itself():
    learnt = network()
    average = running_average(learnt, decay=0.0)
    learnt.train()(torch.rand(4, 1, 8, 8))
    with torch.no_grad():
        learnt[0].weight *= 3

    average.update_parameters(learnt)

    assert all(
        torch.equal(a, b)
        for a, b in zip(
            average.module.state_dict().values(),
            learnt.state_dict().values(),
            strict=True,
        )
    )


def test_the_average_is_apart_from_the_network():
    learnt = network()

    average = running_average(learnt, decay=0.9)
    with torch.no_grad():
        learnt[0].weight.zero_()

    assert average.module[0].weight.abs().sum() > 0
    assert not average.module.training
    assert not any(p.requires_grad for p in average.module.parameters())
