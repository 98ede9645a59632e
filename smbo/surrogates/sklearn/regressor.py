"""Any scikit-learn regressor whose predict takes return_std=True, as a surrogate."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from smbo.errors import NumericalError, RecipeError
from smbo.surrogates.gp.kernels import Features
from smbo.surrogates.gp.outcome_transform import OutcomeTransform
from smbo.surrogates.sklearn.fantasies import ShrunkPosterior
from smbo.surrogates.sklearn.forest import seed_of
from smbo.training_data import ONE_VALUE, Array, Target, TrainingData


@dataclass(frozen=True, eq=False)
class RegressorPosterior:
    """The predictions of a fitted regressor as a posterior.

    Attributes:
        fitted: the regressor.
        features: encoding of unit points.
        scale: between the training data's units and the regressor's.
    """

    fitted: Any
    features: Features
    scale: OutcomeTransform

    def moments(self, points: Array) -> tuple[Array, Array]:
        """Return mean and standard deviation at unit points (m, d), each (m,).

        Raises:
            NumericalError: a predicted mean or standard deviation is not finite.
        """
        mean, std = self.fitted.predict(self.features.encode(points), return_std=True)
        mean, std = np.asarray(mean, dtype=np.float64), np.asarray(std, dtype=np.float64)
        if not (np.isfinite(mean).all() and np.isfinite(std).all()):
            raise NumericalError(f"{self.fitted!r} predicts a mean or deviation that is not finite")
        return self.scale.moments(mean, np.maximum(std, 0.0))


@dataclass(frozen=True)
class Regressor:
    """A scikit-learn regressor whose predict takes return_std=True, as a surrogate.

    A clone of it is fitted to standardised values and features of the unit points: coordinates from -1/2
    to 1/2, and an indicator for each level of a categorical axis.  A stored recipe holds its name only, so
    that it has to be passed in code again when a study is resumed.

    Attributes:
        estimator: GaussianProcessRegressor(), BayesianRidge() or another.

    Raises:
        RecipeError: the estimator is no object with a fit, or its predict has no return_std.

    Example:
        >>> import numpy as np
        >>> from sklearn.linear_model import BayesianRidge
        >>> from smbo.surrogates import Regressor
        >>> from smbo.training_data import Axis, TrainingData
        >>> points = np.linspace(0.0, 1.0, 20)[:, None]
        >>> data = TrainingData.of_values((Axis("x", "continuous"),), points, 3.0 * points[:, 0])
        >>> mean, std = Regressor(BayesianRidge()).fit(data).moments(np.array([[0.5]]))
        >>> print(f"{mean[0]:.2f}")
        1.50
    """

    estimator: Any
    serves: ClassVar[frozenset[Target]] = ONE_VALUE

    def __post_init__(self) -> None:
        predict = getattr(self.estimator, "predict", None)
        if (
            inspect.isclass(self.estimator)
            or not hasattr(self.estimator, "fit")
            or predict is None
            or "return_std" not in inspect.signature(predict).parameters
        ):
            raise RecipeError(
                f"Regressor({self.estimator!r}): a regressor object is needed whose predict takes "
                "return_std, such as GaussianProcessRegressor() or BayesianRidge()"
            )

    def fit(self, data: TrainingData) -> ShrunkPosterior:
        """Return the posterior; a random_state of None is set to a hash of the points."""
        from sklearn.base import clone

        estimator = clone(self.estimator)
        settings = estimator.get_params(deep=False)
        if "random_state" in settings and settings["random_state"] is None:
            estimator.set_params(random_state=seed_of(data))
        features, scale = Features.of(data.axes), OutcomeTransform.of(data.values)
        encoded = features.encode(data.points)
        fitted = estimator.fit(encoded, scale.to_latent(data.values))
        return ShrunkPosterior.of(RegressorPosterior(fitted, features, scale), features, encoded)
