"""Random forest and extremely randomised trees (scikit-learn), with mean and variance from their leaves.

Source: Hutter et al. (2014), "Algorithm runtime prediction: methods & evaluation", sec. 4.3.2.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from smbo.surrogates.gp.kernels import Features
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData


@dataclass(frozen=True, eq=False)
class ForestPosterior:
    """The posterior of a forest: a mixture over trees, with the moments of the values in each leaf.

    Attributes:
        trees: scikit-learn's low-level trees.
        features: encoding of unit points.
        counts, means, squares: number of values in each node of each tree, their mean, and the sum of
            their squared deviations from it, each (n_trees, n_nodes).
    """

    trees: tuple[Any, ...]
    features: Features
    counts: Array
    means: Array
    squares: Array

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points (m, d), each (m,).

        By the law of total variance over trees: mean of the leaves' variances plus variance of
        their means.
        """
        leaves = self._leaves(points)
        means = np.take_along_axis(self.means, leaves, axis=1)
        counts = np.take_along_axis(self.counts, leaves, axis=1)
        within = np.take_along_axis(self.squares, leaves, axis=1) / counts
        return means.mean(axis=0), np.sqrt(within.mean(axis=0) + means.var(axis=0))

    def condition_on(self, points: Array, values: Array) -> ForestPosterior:
        """Return the posterior given also values (m,) at unit points (m, d); the trees stay."""
        counts, means, squares = self.counts.copy(), self.means.copy(), self.squares.copy()
        rows = np.arange(len(self.trees))
        for leaves, value in zip(self._leaves(points).T, values, strict=True):
            counts[rows, leaves] += 1.0  # Welford's update
            off = value - means[rows, leaves]
            means[rows, leaves] += off / counts[rows, leaves]
            squares[rows, leaves] += off * (value - means[rows, leaves])
        return replace(self, counts=counts, means=means, squares=squares)

    def fantasize(self, points: Array) -> ForestPosterior:
        """Return the posterior given also its own means as values at unit points (m, d)."""
        return self.condition_on(points, self.moments(points)[0])

    def _leaves(self, points: Array) -> NDArray[np.intp]:
        # scikit-learn's trees take float32 only
        encoded = np.ascontiguousarray(self.features.encode(points), dtype=np.float32)
        return np.stack([tree.apply(encoded) for tree in self.trees])


@dataclass(frozen=True)
class Forest:
    """Random forest of regression trees; a categorical axis is one indicator per level.

    Attributes:
        n_trees: number of trees.
        min_leaf: smallest number of values in a leaf; more than one, so that a leaf has a variance.
        max_features: share of the features tried at each split.

    Example:
        >>> import numpy as np
        >>> from smbo.surrogates import Forest
        >>> from smbo.training_data import Axis, TrainingData
        >>> points = np.linspace(0.0, 1.0, 20)[:, None]
        >>> data = TrainingData.of_values((Axis("x", "continuous"),), points, points[:, 0] ** 2)
        >>> mean, std = Forest(n_trees=10).fit(data).moments(points)
        >>> mean.shape
        (20,)
    """

    n_trees: int = 100
    min_leaf: int = 2
    max_features: float = 5.0 / 6.0
    serves: ClassVar[frozenset[Target]] = ONE_VALUE

    def fit(self, data: TrainingData) -> ForestPosterior:
        """Return the posterior; the random seed is a hash of the points: same data, same forest."""
        from sklearn.ensemble import RandomForestRegressor

        return _grown(RandomForestRegressor, self, data)


@dataclass(frozen=True)
class ExtraTrees:
    """Extremely randomised trees: every tree is fitted to all values, with random split points.

    Smoother than a random forest, with trees that disagree more far from the evaluations.

    Source: Geurts, Ernst & Wehenkel (2006), "Extremely randomized trees".

    Attributes:
        n_trees: number of trees.
        min_leaf: smallest number of values in a leaf; more than one, so that a leaf has a variance.
        max_features: share of the features tried at each split.

    Example:
        >>> import numpy as np
        >>> from smbo.surrogates import ExtraTrees
        >>> from smbo.training_data import Axis, TrainingData
        >>> points = np.linspace(0.0, 1.0, 20)[:, None]
        >>> data = TrainingData.of_values((Axis("x", "continuous"),), points, points[:, 0] ** 2)
        >>> mean, std = ExtraTrees(n_trees=10).fit(data).moments(points)
        >>> mean.shape
        (20,)
    """

    n_trees: int = 100
    min_leaf: int = 2
    max_features: float = 1.0
    serves: ClassVar[frozenset[Target]] = ONE_VALUE

    def fit(self, data: TrainingData) -> ForestPosterior:
        """Return the posterior; the random seed is a hash of the points: same data, same trees."""
        from sklearn.ensemble import ExtraTreesRegressor

        return _grown(ExtraTreesRegressor, self, data)


def _grown(kind: Any, settings: Forest | ExtraTrees, data: TrainingData) -> ForestPosterior:
    """Return the posterior of an ensemble of scikit-learn, grown with the settings."""
    features = Features.of(data.axes)
    encoded = features.encode(data.points).astype(np.float32)
    forest = kind(
        settings.n_trees,
        min_samples_leaf=settings.min_leaf,
        max_features=settings.max_features,
        random_state=seed_of(data),
    )
    # the splitter has absolute thresholds, below which values of 1e-12 would all be equal
    size = float(np.abs(data.values).max()) or 1.0
    forest.fit(encoded, data.values / size)
    trees = tuple(member.tree_ for member in forest.estimators_)
    n_nodes = max(tree.node_count for tree in trees)
    counts = np.ones((len(trees), n_nodes))
    means, squares = np.zeros((len(trees), n_nodes)), np.zeros((len(trees), n_nodes))
    for row, tree in enumerate(trees):
        counts[row, : tree.node_count] = tree.weighted_n_node_samples
        means[row, : tree.node_count] = size * tree.value[:, 0, 0]
        # rounding leaves impurities of -1e-17
        variance = size**2 * np.maximum(tree.impurity, 0.0)
        squares[row, : tree.node_count] = variance * tree.weighted_n_node_samples
    return ForestPosterior(trees, features, counts, means, squares)


def seed_of(data: TrainingData) -> int:
    """Return a hash of the points as a seed, in [0, 2**32).

    The same points give the same random numbers, also with values in other units.
    """
    digest = hashlib.sha256(np.ascontiguousarray(data.points).tobytes())
    return int.from_bytes(digest.digest()[:4], "little")
