"""Writes metrics.json: `python write.py`, with scikit-learn 1.9. Expected values are scikit-learn's; the calibration error, which it does
not have, is computed bin by bin with NumPy, and of several binary outputs metrics that it refuses are means over the outputs."""

import json
import pathlib
import warnings

import numpy as np
import sklearn.metrics as m

warnings.filterwarnings("ignore")
random = np.random.default_rng(7)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def calibration_error(truth, p, weights):
    chosen = p.argmax(axis=1)
    confidence = p[np.arange(len(p)), chosen]
    right = (chosen == truth).astype(float)
    total = 0.0
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            w = weights[inside]
            total += w.sum() * abs(np.average(right[inside], weights=w) - np.average(confidence[inside], weights=w))
    return total / weights.sum()


def class_case(name, logits, truth, weighted=False, tops=()):
    rows, classes = logits.shape
    p = softmax(logits)
    weights = random.uniform(0.2, 3, rows) if weighted else np.ones(rows)
    own = dict(sample_weight=weights)
    labels = list(range(classes))
    chosen = p.argmax(axis=1)
    onehot = np.eye(classes)[truth]
    each = dict(labels=labels, average=None, zero_division=0, **own)
    macro = dict(average="macro", zero_division=0, **own)
    present = [k for k in labels if 0 < (truth == k).sum() < rows]
    if classes == 2:
        roc = m.roc_auc_score(truth, p[:, 1], **own) if len(present) == 2 else float("nan")
        precision = m.average_precision_score(truth, p[:, 1], **own)
    elif len(present) == classes:
        roc = m.roc_auc_score(truth, p, multi_class="ovr", average="macro", **own)
        precision = m.average_precision_score(onehot, p, average="macro", **own)
    else:  # which scikit-learn refuses: the mean over the classes that have rows
        roc = np.mean([m.roc_auc_score(onehot[:, k], p[:, k], **own) for k in present])
        occurring = [k for k in labels if (truth == k).any()]
        precision = np.mean([m.average_precision_score(onehot[:, k], p[:, k], **own) for k in occurring])
    values = {
        "accuracy": m.accuracy_score(truth, chosen, **own),
        "balancedAccuracy": m.balanced_accuracy_score(truth, chosen, **own),
        "precision": m.precision_score(truth, chosen, **macro),
        "recall": m.recall_score(truth, chosen, **macro),
        "f1": m.f1_score(truth, chosen, **macro),
        "rocAuc": roc,
        "prAuc": precision,
        "logLoss": m.log_loss(truth, p, labels=labels, **own),
        "brier": m.brier_score_loss(truth, p[:, 1], **own) if classes == 2 else m.brier_score_loss(truth, p, labels=labels, **own),
        "calibrationError": calibration_error(truth, p, weights),
    }
    for k in tops:
        values[f"top{k}"] = m.top_k_accuracy_score(truth, p, k=k, labels=labels, **own)
    return {
        "name": name,
        "task": "binary" if classes == 2 else "multiclass",
        "width": classes,
        "scores": p.ravel().tolist(),
        "truth": truth.tolist(),
        "weights": weights.tolist() if weighted else None,
        "values": values,
        "each": {
            "precision": m.precision_score(truth, chosen, **each).tolist(),
            "recall": m.recall_score(truth, chosen, **each).tolist(),
            "f1": m.f1_score(truth, chosen, **each).tolist(),
        },
        "matrix": m.confusion_matrix(truth, chosen, labels=labels, **own).tolist(),
    }


def label_case(name, logits, truth):
    p = 1 / (1 + np.exp(-logits))
    chosen = (p > 0.5).astype(int)
    columns = range(truth.shape[1])
    mean = lambda f: float(np.mean([f(k) for k in columns]))
    both = lambda k: np.stack([1 - p[:, k], p[:, k]], axis=1)
    ones = np.ones(len(p))
    macro = dict(average="macro", zero_division=0)
    return {
        "name": name,
        "task": "multilabel",
        "width": truth.shape[1],
        "scores": p.ravel().tolist(),
        "truth": truth.ravel().tolist(),
        "weights": None,
        "values": {
            "accuracy": 1 - m.hamming_loss(truth, chosen),
            "balancedAccuracy": mean(lambda k: m.balanced_accuracy_score(truth[:, k], chosen[:, k])),
            "precision": m.precision_score(truth, chosen, **macro),
            "recall": m.recall_score(truth, chosen, **macro),
            "f1": m.f1_score(truth, chosen, **macro),
            "rocAuc": m.roc_auc_score(truth, p, average="macro"),
            "prAuc": m.average_precision_score(truth, p, average="macro"),
            "logLoss": mean(lambda k: m.log_loss(truth[:, k], p[:, k])),
            "brier": mean(lambda k: m.brier_score_loss(truth[:, k], p[:, k])),
            "calibrationError": mean(lambda k: calibration_error(truth[:, k], both(k), ones)),
        },
        "each": {"f1": m.f1_score(truth, chosen, average=None).tolist()},
    }


def number_case(name, values, truth, weighted=False):
    rows = len(values)
    weights = random.uniform(0.2, 3, rows) if weighted else np.ones(rows)
    own = dict(sample_weight=weights)
    each = dict(multioutput="raw_values", **own)
    largest = [m.max_error(truth[:, k], values[:, k]) for k in range(values.shape[1])]
    return {
        "name": name,
        "task": "regression",
        "width": values.shape[1],
        "outputs": values.ravel().tolist(),
        "truth": truth.ravel().tolist(),
        "weights": weights.tolist() if weighted else None,
        "values": {
            "mae": m.mean_absolute_error(truth, values, **own),
            "rmse": m.root_mean_squared_error(truth, values, **own),
            "r2": m.r2_score(truth, values, **own),
            "mape": m.mean_absolute_percentage_error(truth, values, **own),
            "maxError": max(largest),
        },
        "each": {
            "mae": m.mean_absolute_error(truth, values, **each).tolist(),
            "rmse": m.root_mean_squared_error(truth, values, **each).tolist(),
            "r2": np.atleast_1d(m.r2_score(truth, values, **each)).tolist(),
            "mape": m.mean_absolute_percentage_error(truth, values, **each).tolist(),
            "maxError": largest,
        },
    }


def rounded(rows, classes, digits=2):
    """Logits that often tie."""
    return np.round(random.normal(size=(rows, classes)), digits)


integers = lambda rows, below: random.integers(0, below, rows)
cases = [
    class_case("two classes", random.normal(size=(40, 2)) * 3, integers(40, 2)),
    class_case("two classes, ties", rounded(60, 2, 0), integers(60, 2)),
    class_case("two classes, weights", rounded(50, 2, 1), integers(50, 2), weighted=True),
    class_case("two classes, constant predictions", np.tile([[0.5, 0.0]], (12, 1)), integers(12, 2)),
    class_case("two classes, one occurs", random.normal(size=(10, 2)), np.zeros(10, int)),
    class_case("two classes, certain and wrong", np.array([[60.0, -60], [-60, 60], [50, 0]]), np.array([1, 1, 0])),
    class_case("four classes", random.normal(size=(50, 4)), integers(50, 4), tops=(2, 3)),
    class_case("four classes, ties", rounded(60, 4, 0), integers(60, 4), tops=(2, 3)),
    class_case("six classes, weights", rounded(60, 6, 1), integers(60, 6), weighted=True, tops=(2, 5)),
    class_case("four classes, one without a row", random.normal(size=(40, 4)), integers(40, 3), tops=(2,)),
    class_case("four classes, one is always named", np.tile([[0.0, 0, 9, 0]], (20, 1)), integers(20, 4), tops=(2,)),
    class_case("three classes, one occurs", random.normal(size=(9, 3)), np.full(9, 1)),
    label_case("three binary outputs", rounded(40, 3, 1) * 2 + 0.01, random.integers(0, 2, (40, 3))),
    number_case("one number", random.normal(size=(30, 1)), random.normal(size=(30, 1))),
    number_case("three numbers, weights", random.normal(size=(30, 3)), random.normal(size=(30, 3)) * [1, 10, 100] + [0, 1e6, -50], weighted=True),
    number_case("far from 0", random.normal(size=(25, 1)) + 1e8, random.normal(size=(25, 1)) + 1e8),
    number_case("equal targets, missed", random.normal(size=(8, 1)), np.full((8, 1), 2.0)),
    number_case("equal targets, met", np.full((8, 2), 2.0), np.full((8, 2), 2.0)),
    number_case("a target of 0", np.array([[0.5], [1.0]]), np.array([[0.0], [1.0]])),
    number_case("one row", np.array([[1.5]]), np.array([[1.0]])),
]


def plain(value):
    """NaN, which JSON does not have, becomes null."""
    if isinstance(value, dict):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and np.isnan(value) else value


for case in cases:
    case["values"] = {key: float(value) for key, value in case["values"].items()}
pathlib.Path(__file__).with_name("metrics.json").write_text(json.dumps(plain(cases)) + "\n")
