"""A model is a bundle: a folder in the MONAI bundle convention, checked before a single weight is read."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from XAIReportLib.case import InputError
from XAIReportLib.files import read_json
from XAIReportLib.models.folding import folded
from XAIReportLib.models.forms import AS_IT_IS, Form
from XAIReportLib.models.networks import DualHeadNetwork
from XAIReportLib.models.places import METADATA, find_bundles

WEIGHTS = Path("models") / "model.safetensors"
CARD = Path("docs") / "README.md"
# Of the xaireport block and of what the weights mean. 1: coarse features were merged half a cell beside their places; 2: nothing
# told the kind of series; 3: a picture was looked at once.
FORMAT = 4

Positive = Annotated[float, pydantic.Field(gt=0)]
Share = Annotated[float, pydantic.Field(ge=0, le=1)]
HEAD = "classify.weight"  # (classes, neck_channels) in the weights


class _Block(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class NetworkSettings(_Block):
    """Arguments of networks.DualHeadNetwork, the one family that is built."""

    family: Literal["dual_head"]
    encoder: str
    neck_channels: Annotated[int, pydantic.Field(ge=1, le=4096)]


class Input(_Block):
    """What the network was trained on, as views.py makes it: a bundle that asks for another input is refused."""

    modality: tuple[Literal["MR"]]
    contrast: Literal["T1 post-contrast"]
    pixels: Literal[224]
    pixel_mm: Annotated[float, pydantic.Field(ge=1.0, le=1.0)]
    intensity: Literal["head percentiles 1 and 99.5 to 0 and 1"]


class Calibration(_Block):
    """Temperature scaling and conformal class sets (LAC: a class is kept when its score is at least 1 - quantile): for slices
    that are looked at once, as those of a volume, and for pictures, which are looked at in ``Settings.picture_forms``."""

    temperature: Positive
    temperature_picture: Positive
    class_set_quantile: Share
    class_set_quantile_picture: Share
    class_set_level: Share
    level: str
    data: str

    def of(self, planes: tuple[str, ...]) -> tuple[float, float]:
        """Temperature and quantile for a case of slices of these planes."""
        if _is_volume(planes):
            return self.temperature, self.class_set_quantile
        return self.temperature_picture, self.class_set_quantile_picture


class Thresholds(_Block):
    """``lesion_probability`` cuts the outline (chosen on tune groups), ``smallest_lesion_ml`` / ``_pixels`` the components,
    an outline counts where the class path's log-odds of a lesion exceed ``presence_score`` in a single slice (where on tune groups
    as many slices with a lesion are missed as painted-out ones are not), or ``presence_score_volume`` on average over a volume's
    sections of it (chosen on tune groups, at the patient level),
    no class is suggested when fewer planes than ``lowest_plane_agreement`` (a share) agree, or where the log-odds of a series
    after contrast agent are below ``enhancement_slice`` (which 95 % of the tune slices reach) or ``enhancement_volume``."""

    lesion_probability: float
    presence_score: float
    presence_score_volume: float
    smallest_lesion_ml: float
    smallest_lesion_pixels: int
    lowest_plane_agreement: float
    enhancement_slice: float
    enhancement_volume: float

    def presence(self, planes: tuple[str, ...]) -> float:
        """The log-odds that a lesion needs in slices of these planes: a volume is looked at in several, a picture in one."""
        return self.presence_score_volume if _is_volume(planes) else self.presence_score

    def enhancement(self, planes: tuple[str, ...]) -> float:
        """The log-odds of a series after contrast agent that slices of these planes need."""
        return self.enhancement_volume if _is_volume(planes) else self.enhancement_slice


def _is_volume(planes: tuple[str, ...]) -> bool:
    return len(set(planes)) > 1


class Settings(_Block):
    """The ``xaireport`` block of metadata.json."""

    format: int
    classes: Annotated[tuple[str, ...], pydantic.Field(min_length=2)]
    network: NetworkSettings
    weights_sha256: str
    saliency_layer: str
    input: Input
    picture_forms: tuple[Form, ...]
    calibration: Calibration
    thresholds: Thresholds
    metrics: dict[str, Any]
    data_set: str
    non_commercial: bool

    @pydantic.field_validator("classes")
    @classmethod
    def _are_names_of_their_own(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        for name in classes:
            printable(name, "a class")
            if re.search(r"[/\\]", name) or name.startswith("."):
                raise ValueError(f"the class {name!r} is a path and no name")
        if len({name.lower() for name in classes}) < len(classes):  # their heat maps are one file on Windows and macOS
            raise ValueError("a class is named twice; capitals make no difference")
        return classes

    def forms(self, planes: tuple[str, ...]) -> tuple[Form, ...]:
        """In which slices of these planes are looked at."""
        return (AS_IT_IS,) if _is_volume(planes) else self.picture_forms


def printable(text: str, what: str) -> str:
    """``text``, which goes into reports and file names. Raises ValueError when it is empty or holds what cannot be seen."""
    if not text.strip() or not text.isprintable():
        raise ValueError(f"{what} is called {text!r}, which cannot be printed")
    return text


@dataclass(frozen=True, eq=False)
class Bundle:
    """A checked bundle. ``sha256`` covers weights and metadata: two bundles with the same hash give the same answers."""

    name: str
    version: str
    folder: Path
    sha256: str
    settings: Settings
    metadata: dict[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        return self.settings.classes

    @property
    def lesion_attention(self) -> bool:
        """Whether the class path reads features under the lesion attention, so that its heat maps must lie near the lesion."""
        return self.settings.network.family == "dual_head"

    def description(self) -> dict[str, Any]:
        """What the findings say of the model."""
        s = self.settings
        return {
            "name": self.name,
            "version": self.version,
            "sha256": self.sha256,
            "classes": list(s.classes),
            "data_set": s.data_set,
            "score_level": s.calibration.level,
            "calibration": s.calibration.data,
            "metrics": s.metrics,
            "non_commercial": s.non_commercial,
            "saliency_layer": s.saliency_layer,
        }


@lru_cache(maxsize=8)
def load_bundle(name: str | Path) -> Bundle:
    """A bundle by name or folder.

    Raises:
        InputError: unknown name, unreadable metadata, missing weights, or weights that are not those of the metadata.
    """
    folder = _folder_of(name)
    try:
        raw = (folder / METADATA).read_bytes()
        metadata = read_json(raw)
        settings = Settings.model_validate(metadata["xaireport"])
        named, version = (printable(str(metadata[field]), field) for field in ("name", "version"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"bundle {folder.name}: {METADATA.as_posix()} cannot be read ({error}); install the bundle again"
        ) from error
    if settings.format != FORMAT:
        raise InputError(
            f"bundle {folder.name} {version}: its format is {settings.format}, and this version of XAIReport reads {FORMAT} only; "
            "install the bundle of this version, or train it again with scripts/train.py"
        )
    weights = folder / WEIGHTS
    if not weights.is_file():
        raise InputError(f"bundle {folder.name}: {WEIGHTS.as_posix()} is missing; install the bundle again")
    digest = _sha256(weights)
    if digest != settings.weights_sha256:
        raise InputError(
            f"bundle {folder.name}: the SHA-256 of {WEIGHTS.as_posix()} does not match its metadata, "
            "so the file was changed or damaged; install the bundle again"
        )
    _check_head(weights, settings, folder.name)
    return Bundle(named, version, folder, hashlib.sha256(raw + digest.encode()).hexdigest(), settings, metadata)


def _folder_of(name: str | Path) -> Path:
    as_path = Path(name)
    if (as_path / METADATA).is_file():
        return as_path.resolve()
    for folder in find_bundles():
        if folder.name == str(name):
            return folder
    known = ", ".join(sorted(f.name for f in find_bundles())) or "none"
    raise InputError(f"bundle {name} is unknown; installed bundles: {known}; give one of these or a bundle's folder")


def _check_head(weights: Path, settings: Settings, name: str) -> None:
    """Raises InputError when the weights are of another number of classes or channels than the metadata say."""
    wanted = [len(settings.classes), settings.network.neck_channels]
    try:
        with safe_open(weights, "pt") as file:
            shape = file.get_slice(HEAD).get_shape()
    except SafetensorError as error:
        raise InputError(
            f"bundle {name}: {WEIGHTS.as_posix()} holds no {HEAD} ({error}); install the bundle again"
        ) from error
    if shape != wanted:
        raise InputError(
            f"bundle {name}: {METADATA.as_posix()} has {wanted[0]} classes and {wanted[1]} neck_channels, but the weights "
            f"{' x '.join(map(str, shape))}; install the bundle again"
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def choose_device(wish: str) -> tuple[torch.device, str]:
    """The device for "auto", "cpu" or "cuda", and a sentence that says why it is this one."""
    if wish not in ("auto", "cpu", "cuda"):
        raise InputError(f"device {wish} is unknown; give auto, cpu or cuda")
    if wish == "cpu":
        return torch.device("cpu"), "CPU, as asked"
    if torch.cuda.is_available():
        return torch.device("cuda"), f"GPU {torch.cuda.get_device_name()}"
    why = (
        "PyTorch was built without CUDA"
        if torch.version.cuda is None
        else "PyTorch finds no usable NVIDIA GPU or driver"
    )
    if wish == "cuda":
        raise InputError(f"device cuda: {why}; use --device cpu, or repair the driver")
    return torch.device("cpu"), f"CPU: {why}"


def network_as_trained(bundle: Bundle) -> DualHeadNetwork:
    """The bundle's network with its weights, in float32 evaluation mode, as the training left it."""
    network = DualHeadNetwork(
        bundle.settings.network.encoder, len(bundle.classes), bundle.settings.network.neck_channels
    )
    network.load_state_dict(
        {k: v.float() if v.is_floating_point() else v for k, v in load_file(bundle.folder / WEIGHTS).items()}
    )
    return network.eval().requires_grad_(False)


@lru_cache(maxsize=2)
def load_network(bundle: Bundle, device: str) -> DualHeadNetwork:
    """The network for use: batch normalisations folded, channels last; kept for the next case.

    While it runs, numbers too small for a normal float32 are 0: they make a CPU several times slower and lie far below what any
    score shows. Only then: other libraries need them (SciPy's trees overrun the stack without).
    """
    with torch.inference_mode(False):  # what is kept must also serve gradients, wherever it is first asked for
        network = folded(network_as_trained(bundle))
        network.register_forward_pre_hook(_flush_denormals)
        network.register_forward_hook(_keep_denormals, always_call=True)
        return network.to(device, memory_format=torch.channels_last)


def _flush_denormals(*_: object) -> None:
    torch.set_flush_denormal(True)


def _keep_denormals(*_: object) -> None:
    torch.set_flush_denormal(False)


def save_bundle(folder: Path, network: DualHeadNetwork, metadata: dict[str, Any], card: str) -> None:
    """Writes weights (float16), metadata with the weights' SHA-256, and the model card."""
    for part in (METADATA, WEIGHTS, CARD):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
    half = {k: v.half() if v.is_floating_point() else v for k, v in network.state_dict().items()}
    save_file({k: v.contiguous() for k, v in half.items()}, folder / WEIGHTS, metadata={"format": "pt"})
    metadata["xaireport"]["weights_sha256"] = _sha256(folder / WEIGHTS)
    Settings.model_validate(metadata["xaireport"])
    (folder / METADATA).write_text(json.dumps(metadata, indent=2) + "\n", encoding="utf-8")
    (folder / CARD).write_text(card, encoding="utf-8")
