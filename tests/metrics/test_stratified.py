# Copyright (c) The torchgeo-ktextures authors.
# Licensed under the MIT License.

import numpy as np
import numpy.typing as npt
import pytest

from torchgeo_ktextures.metrics import MapAccuracy, map_accuracy

#: Deforestation, forest gain, stable forest and stable non-forest: the example of
#: Olofsson et al. (2014), section 5, in which a pixel is 0.09 ha.
COUNTS = np.array([[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]])
HECTARES = np.array([200_000, 150_000, 3_200_000, 6_450_000]) * 0.09


def points_of(counts: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """Mapped and real class of each point."""
    pairs = np.indices(counts.shape).reshape(2, -1)
    return list(np.repeat(pairs, counts.ravel(), axis=1))


def test_example_of_the_paper() -> None:
    mapped, real = points_of(COUNTS)
    found = map_accuracy(mapped, mapped, real, HECTARES, 4)
    assert (found.counts == COUNTS).all()
    half = 1.96
    areas = found.areas.value, half * found.areas.error
    assert np.round(areas[0]).tolist() == [21_158, 11_686, 285_770, 581_386]
    assert np.round(areas[1]).tolist() == [6_158, 3_756, 15_510, 16_282]
    assert found.users.value.round(2).tolist() == [0.88, 0.73, 0.93, 0.96]
    assert (half * found.users.error).round(2).tolist() == [0.07, 0.10, 0.04, 0.02]
    assert found.producers.value.round(2).tolist() == [0.75, 0.85, 0.93, 0.96]
    assert (half * found.producers.error).round(2)[[0, 2, 3]].tolist() == [
        *(0.21, 0.03, 0.02)
    ]
    assert round(float(found.overall.value), 2) == 0.95
    assert round(half * float(found.overall.error), 2) == 0.02


def test_equations_of_the_paper() -> None:
    """Errors as Olofsson et al. write them, in equations 5, 6, 7 and 10."""
    mapped, real = points_of(COUNTS)
    found = map_accuracy(mapped, mapped, real, HECTARES, 4)
    n = COUNTS.sum(1)
    weights, sizes = HECTARES / HECTARES.sum(), HECTARES
    users, producers = found.users.value, found.producers.value
    spread = users * (1 - users) / (n - 1)
    np.testing.assert_allclose(found.users.error**2, spread)
    np.testing.assert_allclose(found.overall.error**2, (weights**2 * spread).sum())
    p = weights[:, None] * COUNTS / n[:, None]
    np.testing.assert_allclose(found.proportions, p)
    shares = ((weights[:, None] * p - p**2) / (n - 1)[:, None]).sum(0) ** 0.5
    np.testing.assert_allclose(found.areas.error, shares * sizes.sum())
    rates = COUNTS / n[:, None]
    for j in range(4):
        others = sizes**2 * rates[:, j] * (1 - rates[:, j]) / (n - 1)
        others[j] = 0
        own = sizes[j] ** 2 * (1 - producers[j]) ** 2 * spread[j]
        total = (sizes * rates[:, j]).sum()
        expected = (own + producers[j] ** 2 * others.sum()) / total**2
        np.testing.assert_allclose(found.producers.error[j] ** 2, expected)
    np.testing.assert_allclose(
        found.f1, 2 * users * producers / (users + producers), rtol=1e-12
    )


def population(rng: np.random.Generator) -> list[npt.NDArray[np.int64]]:
    """Stratum, mapped and real class of each pixel of an invented country."""
    strata = np.repeat([0, 1, 2], [20_000, 8_000, 2_000])
    change = rng.random((2, len(strata)))
    mapped = np.where(change[0] < 0.15, rng.integers(0, 3, len(strata)), strata)
    real = np.where(change[1] < 0.2, rng.integers(0, 3, len(strata)), mapped)
    return [strata, mapped, real]


@pytest.mark.parametrize('own_strata', [True, False])
def test_unbiased_and_intervals_cover(own_strata: bool) -> None:
    rng = np.random.default_rng(0)
    strata, mapped, real = population(rng)
    # Of the map that is assessed, or of an earlier one.
    strata = strata if own_strata else mapped
    every = [np.flatnonzero(strata == h) for h in range(3)]
    sizes = np.array([len(e) for e in every], float)

    def draw() -> MapAccuracy:
        chosen = np.concatenate([rng.choice(e, 300) for e in every])
        return map_accuracy(strata[chosen], mapped[chosen], real[chosen], sizes, 3)

    right = mapped == real
    truths = {
        'overall': [right.mean()],
        'users': [right[mapped == c].mean() for c in range(3)],
        'producers': [right[real == c].mean() for c in range(3)],
        'areas': [float((real == c).sum()) for c in range(3)],
    }
    samples = [draw() for _ in range(400)]
    for name, truth in truths.items():
        values = np.array([np.ravel(getattr(s, name).value) for s in samples])
        errors = np.array([np.ravel(getattr(s, name).error) for s in samples])
        deviation = values.std(0)
        # Within four standard errors of a mean of 400; ratios are nearly unbiased.
        assert (
            abs(values.mean(0) - truth) < 0.2 * deviation + 0.01 * np.array(truth)
        ).all()
        np.testing.assert_allclose(np.sqrt((errors**2).mean(0)), deviation, rtol=0.15)
        inside = abs(values - truth) <= 1.96 * errors
        assert (inside.mean(0) > 0.9).all()
        assert (inside.mean(0) < 0.99).all()


def test_one_point_and_none() -> None:
    found = map_accuracy([0, 0, 1], [0, 0, 1], [0, 1, 1], [10, 20, 30], 3)
    assert found.unknown_area == 30
    np.testing.assert_allclose(found.areas.value, [5, 25, 0])
    # Of the first class all is known, of the second its variance is not.
    assert np.isfinite(found.users.error).tolist() == [True, False, False]
    assert np.isnan(found.areas.error).all()
    assert np.isnan(found.overall.error)
    assert np.isnan(found.users.value[2])
    assert np.isnan(found.f1[2])
    with pytest.raises(ValueError, match='there is no point to estimate'):
        map_accuracy([], [], [], [1], 1)


def test_intervals_stay_in_range() -> None:
    mapped, real = points_of(np.array([[29, 1], [1, 29]]))
    found = map_accuracy(mapped, mapped, real, [1, 99], 2)
    low, high = found.users.interval(1)
    assert high.max() == 1
    assert found.areas.interval()[0].min() >= 0
    assert (low < found.users.value).all()
