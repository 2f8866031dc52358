"""The verbs of `mien.convert`: `quantize`, `verify`, `micro` and `inspect`, as plain functions.

TensorFlow is imported only when a model of another format than .tflite is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from convert.analysis.inspection import Inspection
from convert.analysis.inspection import inspect as inspect_file
from convert.analysis.proof import Proof
from convert.output_files import check_output, check_target
from convert.quality_gate import Limits
from convert.schemes import AUTO, CALIBRATED
from edge.benchmark.class_order_check import find_better_order
from edge.datasets import Faces, load_dataset, summarize_bad_records
from edge.datasets.data_set import DataLocation, DataSet
from edge.errors import ModelError, WrongUseError
from edge.evaluation.classification import score
from edge.inference.pixel_mapping import PixelMapping
from edge.system.hashing import sha256_of

if TYPE_CHECKING:
    from convert.calibration import RepresentativeSet
    from convert.float_model import FloatModel
    from convert.micro import MicroProof

__all__ = ["Limits", "Proof", "inspect", "micro", "quantize", "verify"]

#: What BlazeFace is trained on.
_DETECTOR_RANGE = (-1.0, 1.0)
#: Called with what is being done, and with the number of finished and of all steps.
Progress = Callable[[str, int, int], None]
#: Called with text for the user.
Report = Callable[[str], None]


def quantize(
    model: Path | str,
    data: DataLocation | None,
    out: Path | str,
    *,
    frames: Path | str | None = None,
    split: str = "PublicTest",
    votes: Path | str | None = None,
    schemes: Sequence[str] = ("int8",),
    samples: int = 500,
    seed: int = 0,
    keep_float: Sequence[str] = (),
    ranges: str = AUTO,
    limit: int | None = None,
    limits: Limits | None = None,
    keep_rejected: bool = False,
    input_range: tuple[float, float] | None = None,
    input_mean: Sequence[float] | None = None,
    input_std: Sequence[float] | None = None,
    class_order: Sequence[str] | None = None,
    name: str | None = None,
    version: int | None = None,
    license: str = "",
    force: bool = False,
    progress: Progress | None = None,
    report: Report | None = None,
    warn: Report | None = None,
    on_proof: Callable[[Proof, Path | None], None] | None = None,
) -> dict[str, Proof]:
    """Convert a float model to one or more schemes, and prove what that cost.

    The model is calibrated on a class-balanced draw from Training and scored on `split`. Each converted model is
    written with its card, and its proof beside it as JSON and as an HTML page. A model that exceeds the limits of
    the quality gate is not written.

    Args:
        model: a .keras, .h5, .pt2, .onnx or float .tflite file, a finished run folder, or a SavedModel folder.
        data: labeled faces, as `edge.datasets.load_dataset` takes them; None to calibrate a detector on `frames`.
        out: the .tflite to write, or a folder for several schemes.
        frames: a clip or a folder of images to calibrate a face detector on, in place of `data`.
        split: the split to score on; not Training.
        votes: FER+'s `fer2013new.csv`, for a model that was trained on its labels.
        schemes: names from `convert.schemes.SCHEMES`.
        samples: number of images to calibrate on.
        seed: of the random draw of those images.
        keep_float: names of the layers that stay in float.
        ranges: how the ranges of the activations are estimated: a key of `convert.schemes.ESTIMATORS`, or
            `auto` to compare all of them on faces that were not calibrated on.
        limit: greatest number of faces to score; None for all.
        limits: of the quality gate; `Limits()` if None.
        keep_rejected: whether a rejected model is written too, as NAME-rejected.tflite.
        input_range: the values of black and white that the model was trained on, if pixels were scaled outside it; None
            for what the card of a .tflite states, for 0 to 255, and with `frames` for -1 to 1.
        input_mean: what was subtracted from these values, one number or one for each channel; the range is then 0 to 1
            unless stated. Not with `frames`.
        input_std: what the difference was divided by, alike.
        class_order: the classes in the order of the outputs, or `("alphabetical",)`, for a model that does not state
            them; None for the order of the data.
        name: name in the card; None for that of the float model's card, of its recipe, or of its file.
        version: version in the card; None for that of the float model's card, or 1.
        license: license of the weights, for the card; empty for that of the float model's card.
        force: whether existing files are overwritten.
        progress: called with the current task, and its finished and all steps.
        report: called with text about the calibration set, each proof, and each file that was written.
        warn: called with one line if bad records were left out of the data.
        on_proof: called with each proof, and with the file that was written; None for a model that was rejected.

    Returns:
        Scheme to proof.

    Raises:
        WrongUseError: arguments contradict one another or do not fit the model, or a file exists.
        MissingExtraError: the extra `train` is not installed, or for .pt2 and .onnx the extra `pytorch`.
        DataError: the data cannot be read, or cannot be calibrated on.
        ModelError: the model cannot be read or converted, or the quality gate rejected at least one scheme.
    """
    model, out = Path(model), Path(out)
    if (data is None) == (frames is None):
        raise WrongUseError("give either --data (faces, for a classifier) or --frames (a clip, for a detector)")
    if votes is not None and data is None:
        raise WrongUseError("--votes belongs to --data")
    if split == "Training":
        raise WrongUseError("--split Training is what the model is calibrated on: score on PublicTest")
    schemes = tuple(dict.fromkeys(schemes))
    check_output(out, schemes, model, force)

    mapping = PixelMapping.of(input_range, input_mean, input_std)
    if frames is not None and (input_mean is not None or input_std is not None):
        raise WrongUseError("--input-mean and --input-std belong to --data: a detector's input has a range only")

    from convert.conversion import CardEntries, Conversion
    from convert.float_model import load_float_model

    float_model = load_float_model(model, None if data is None else mapping)
    name = name or _default_name(float_model)
    targets = {scheme: out if out.suffix == ".tflite" else out / f"{name}-{scheme}.tflite" for scheme in schemes}
    for target in targets.values():
        check_target(target, model, force)
    representative, faces = None, None
    if data is not None:
        calibrated = any(scheme in CALIBRATED for scheme in schemes)
        float_model, representative, faces = _faces(
            float_model, DataSet.of(data), split, _path(votes), class_order, samples if calibrated else 0, seed,
            progress, warn,
        )  # fmt: skip
        faces = faces.sample(limit, 0)
        _check_input_values(float_model, faces, mapping is not None, warn)
        if class_order is None:
            _check_class_order(float_model, faces)
    elif frames is not None:
        float_model = replace(float_model, input_range=input_range or _DETECTOR_RANGE)
        representative = _frames(float_model, Path(frames), samples, seed)
    if representative is not None and report:
        report(_describe(representative))
    conversion = Conversion.prepare(
        float_model, representative, faces, split, DataSet.of(data or frames or ""), _task(progress, "calibrating")
    )
    proofs, rejections = {}, []
    for scheme, target in targets.items():
        proof = proofs[scheme] = conversion.convert(
            scheme,
            target,
            CardEntries(name, version, license),
            keep_float=keep_float,
            estimator=ranges,
            limits=limits,
            keep_rejected=keep_rejected,
            choosing=_task(progress, "comparing ranges"),
            progress=_task(progress, f"scoring {scheme}"),
        )
        if not proof.passed:
            rejections.append(conversion.rejection(proof))
        if on_proof:
            on_proof(proof, target if proof.passed else None)
        if report:
            size = (
                "rejected" if not proof.passed else f"{target}: {target.stat().st_size / 1024:.0f} KiB, {proof.model}"
            )
            report(f"{proof.as_text()}\n{size}\n")
    if rejections:
        raise ModelError("; ".join(rejections))
    return proofs


def verify(
    model: Path | str,
    reference: Path | str,
    data: DataLocation,
    *,
    split: str = "PublicTest",
    votes: Path | str | None = None,
    input_range: tuple[float, float] | None = None,
    input_mean: Sequence[float] | None = None,
    input_std: Sequence[float] | None = None,
    limit: int | None = None,
    limits: Limits | None = None,
    progress: Progress | None = None,
    report: Report | None = None,
    warn: Report | None = None,
) -> Proof:
    """Verify that a .tflite is what its card claims, and compare it with the float model that it came from.

    Args:
        model: the converted .tflite, with its card.
        reference: the float model, as `quantize` takes it.
        data: labeled faces, as `edge.datasets.load_dataset` takes them.
        split: the split to score on.
        votes: FER+'s `fer2013new.csv`, for a model that was trained on its labels.
        input_range: of the float model, as for `quantize`.
        input_mean: alike.
        input_std: alike.
        limit: greatest number of faces to score; None for all.
        limits: of the quality gate; `Limits()` if None.
        progress: called with the current task, and its finished and all steps.
        report: called with text about the file once it has passed the checks that need no data.
        warn: called with one line if bad records were left out of the data.

    Returns:
        The proof; its `passed` states whether the model is within the limits.

    Raises:
        WrongUseError: the votes do not fit the float model.
        MissingExtraError: the extra `train` is not installed.
        DataError: the data cannot be read.
        ModelError: a model cannot be read, or the file is damaged or not of the scheme that its card names.
    """
    from convert.analysis.latency import measure_latency
    from convert.analysis.layer_noise import layer_noise
    from convert.analysis.verification import check_file, compare
    from convert.calibration import LAYER_RUNS, evenly_spaced, network_inputs
    from convert.float_model import load_float_model
    from convert.targets import delegation
    from convert.tensorflow_import import import_tensorflow

    model, reference, source = Path(model), Path(reference), DataSet.of(data)
    mapping = PixelMapping.of(input_range, input_mean, input_std)
    if reference.suffix != ".tflite":
        # A missing extra is reported before anything is measured.
        import_tensorflow()
    verified = check_file(model)
    card = verified.model.card
    if report:
        report(
            f"{model} is intact: {len(verified.graph.operations)} operations, "
            f"{len(verified.graph.float_tensors())} float tensors"
        )
    float_model = load_float_model(reference, mapping)
    float_model, splits = _read(float_model, source, (split,), _path(votes), None, progress, warn)
    faces = splits[split].sample(limit, 0)
    if not float_model.names_classes and sorted(card.labels) == sorted(faces.labels):
        float_model, faces = replace(float_model, labels=card.labels), faces.with_labels(card.labels)
    if card.labels != faces.labels:
        raise ModelError(f"{model} has the classes {', '.join(card.labels)}; {source} has {', '.join(faces.labels)}")
    _check_input_values(float_model, faces, mapping is not None, warn)
    expected = float_model.scores(faces.images)
    comparison = compare(verified.classifier, expected, faces, split, _task(progress, f"scoring on {split}"))
    images = evenly_spaced(faces.images, LAYER_RUNS)
    layers = []
    if float_model.input_shape == verified.graph.inputs[0].shape:
        inputs = network_inputs(float_model.resized(images), float_model.input_range)
        layers = layer_noise(float_model.graph, verified.model.graph, inputs)
    limits = limits or Limits()
    return Proof(
        model=card.identity,
        scheme=card.scheme,
        float_model=float_model.path.name,
        float_model_bytes=len(float_model.graph),
        inspection=inspect_file(model),
        comparison=comparison,
        layers=layers,
        layers_over=f"{len(images)} faces of {split}",
        folding_error=float_model.check_folding(images),
        calibration=card.calibration,
        keep_float=card.keep_float,
        limits=limits,
        violations=limits.violations(comparison),
        latency=measure_latency(float_model.graph, verified.model.graph),
        sha256=sha256_of(model),
        float_model_sha256=sha256_of(float_model.path),
        delegation=delegation(verified.model.graph, str(model)),
        fused=float_model.fused,
    )


def micro(
    model: Path | str,
    out: Path | str,
    data: DataLocation | None = None,
    *,
    split: str = "PublicTest",
    limit: int | None = None,
    max_arena: int | None = None,
    max_flash: int | None = None,
    progress: Progress | None = None,
    warn: Report | None = None,
) -> MicroProof:
    """Write an int8 .tflite as a C++ project for microcontrollers, with a self-test and a proof.

    The project is not written if it exceeds a limit.

    Args:
        model: an int8 .tflite with its card.
        out: the folder to write; it must not exist, or be empty.
        data: labeled faces to compare on, as `edge.datasets.load_dataset` takes them; None for no comparison.
        split: the split to compare on.
        limit: greatest number of faces to compare on; None for all.
        max_arena: memory for the interpreter that the board has, in bytes; None for no limit.
        max_flash: flash for constants that the board has, in bytes; None for no limit.
        progress: called with the current task, and its finished and all steps.
        warn: called with one line if bad records were left out of the data.

    Returns:
        The proof; its `passed` states whether the project was written.

    Raises:
        WrongUseError: the folder is not empty.
        MissingExtraError: the extra `micro` is not installed.
        DataError: the data cannot be read.
        ModelError: the model cannot be read, or a microcontroller cannot run it.
    """
    from convert.micro import MicroLimits, MicroModel, check_folder, export_micro

    out = Path(out)
    check_folder(out)
    checked = MicroModel.read(Path(model))
    faces, origin = None, "the portrait of mien's demo"
    if data is not None:
        source = DataSet.of(data)
        bad: list[str] = []
        task = _task(progress, f"reading {source.name}")
        faces = load_dataset(source, (split,), progress=task, on_bad=bad.append)[split]
        if bad and warn:
            warn(summarize_bad_records(source.name, bad, len(faces)))
        faces, origin = faces.sample(limit, 0), f"{source.name}, {split}"
    return export_micro(checked, out, faces, split, origin, MicroLimits(max_arena, max_flash), progress)


def inspect(path: Path | str) -> Inspection:
    """Read the contents of any .tflite: card, operations, dtypes, work and memory. The file is not run.

    Args:
        path: the file; it need not have a card, nor come from mien.

    Raises:
        ModelError: the file is missing, damaged, or not a .tflite.
    """
    return inspect_file(Path(path))


def _default_name(model: FloatModel) -> str:
    return str((model.card.name if model.card else model.run_record.get("recipe")) or model.path.stem)


def _faces(
    model: FloatModel,
    data: DataSet,
    split: str,
    votes: Path | None,
    class_order: Sequence[str] | None,
    samples: int,
    seed: int,
    progress: Progress | None,
    warn: Report | None,
) -> tuple[FloatModel, RepresentativeSet | None, Faces]:
    """Return the model with its labels, the representative set, None if `samples` is 0, and the faces to score on."""
    from convert.calibration import representative_faces

    if not model.is_classifier:
        raise WrongUseError(
            f"{model.path} is not a classifier of faces with labels: give --frames to calibrate a detector, "
            f"or write a card {model.path.stem}.json beside it"
        )
    model, faces = _read(model, data, ("Training", split) if samples else (split,), votes, class_order, progress, warn)
    if not samples:
        return model, None, faces[split]
    drawn = representative_faces(faces["Training"], samples, seed, faces[split], model.resized)
    return model, drawn, faces[split]


def _check_input_values(model: FloatModel, faces: Faces, is_stated: bool, warn: Report | None) -> None:
    """Check that the model was not trained on another common range of values.

    Raises:
        ModelError: it was, and no range was stated.
    """
    from train.evaluation.input_range_check import find_better_range

    found = find_better_range(model.scores, faces.images, faces.class_ids, model.mapping)
    if found is None:
        return
    if not is_stated:
        raise ModelError(f"{model.path} was trained on other values than these: {found}; give {found.better}")
    if warn:
        warn(f"warning: {model.path} seems to have been trained on other values: {found}")


def _check_class_order(model: FloatModel, faces: Faces) -> None:
    """Check that a model that does not state its classes has them in the order of the data.

    Raises:
        ModelError: far more of its predictions are right in another common order.
    """
    from train.evaluation.input_range_check import N_FACES

    if model.names_classes:
        return
    tried = faces.sample(N_FACES, 0)
    metrics = score(tried.class_ids, model.scores(tried.images).argmax(axis=1), tried.labels)
    found = find_better_order(metrics.confusion, tried.labels)
    if found is not None:
        raise ModelError(
            f"{model.path} has its classes in another order than {', '.join(faces.labels)}: {found}; give "
            f"--class-order {found.name}"
        )


def _read(
    model: FloatModel,
    data: DataSet,
    splits: Sequence[str],
    votes: Path | None,
    class_order: Sequence[str] | None,
    progress: Progress | None,
    warn: Report | None,
) -> tuple[FloatModel, dict[str, Faces]]:
    from convert.labeled_faces import read_labeled_faces

    bad: list[str] = []
    task = _task(progress, f"reading {data.name}")
    model, faces = read_labeled_faces(
        model, data, splits, votes, class_order=class_order, progress=task, on_bad=bad.append
    )
    if bad and warn:
        warn(summarize_bad_records(data.name, bad, sum(map(len, faces.values()))))
    return model, faces


def _frames(model: FloatModel, frames: Path, samples: int, seed: int) -> RepresentativeSet:
    from convert.calibration import representative_frames

    _, height, width, channels = model.input_shape
    if channels != 3 or model.labels:
        raise WrongUseError(f"{model.path} is not a network for whole RGB frames: give --data with labeled faces")
    return representative_frames(frames, samples, seed, (width, height))


def _describe(drawn: RepresentativeSet) -> str:
    added = ", one black and one white image" if drawn.added else ""
    excluded = f"; {drawn.excluded} faces are excluded because they are also scored" if drawn.excluded else ""
    return f"calibrating on {len(drawn.rows)} images of {drawn.drawn_from}{added}{excluded}"


def _task(progress: Progress | None, label: str) -> Callable[[int, int], None] | None:
    """Return a callback for one task."""
    return None if progress is None else lambda done, total: progress(label, done, total)


def _path(path: Path | str | None) -> Path | None:
    return None if path is None else Path(path)
