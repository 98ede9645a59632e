"""BayesSearchCV where a RandomizedSearchCV would be: tune a pipeline with a conditional space.

    python examples/search_cv.py

On a cluster, hand over a Dask client: BayesSearchCV(..., client=Client("tcp://scheduler:8786")).
"""

from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from smbo import BayesSearchCV, Integer, Real


def main():
    X, y = load_breast_cancer(return_X_y=True)
    search = BayesSearchCV(
        make_pipeline(StandardScaler(), SVC()),
        {
            "svc__C": Real(1e-3, 1e3, log=True),
            "svc__kernel": ["rbf", "poly"],
            "svc__gamma": Real(1e-4, 1.0, log=True),
            # only a polynomial has a degree
            "svc__degree": Integer(2, 5, active_when="svc__kernel == 'poly'"),
        },
        n_iter=20,
        scoring="roc_auc",
        cv=3,
        random_state=1,
    ).fit(X, y)
    print(f"area under the ROC curve {search.best_score_:.4f} with {search.best_params_}")
    return search


if __name__ == "__main__":
    main()
