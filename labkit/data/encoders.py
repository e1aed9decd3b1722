"""Which encoder a name means: a pinned one, a local folder, or one of the Hugging Face hub.

Weights come as safetensors, else as torch writes them, which are read as tensors alone: no code of an encoder, be it in
its weights or beside them, is ever run.
"""

import contextlib
import hashlib
import json
import re
import time
from pathlib import Path
from typing import Any

from labkit import paths
from labkit.data.json_cache import load_json, store_json
from labkit.data.pins import ENCODERS, AssetError

# What a run needs of a hub repository: weights, configuration and tokenizer at its top, nothing below.
_PATTERNS = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model"]
_IGNORED_PATTERNS = ["*/*"]
_PICKLE_PATTERNS = ["pytorch_model.bin", "pytorch_model-*.bin"]  # asked for where there is nothing better
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
_SETTLED_S = 3.0  # some file systems keep times in steps of two seconds
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")

# Architectures that encode a text both ways and so belong in the menu, as config.json calls them.
_ENCODER_MODEL_TYPES = re.compile(
    "albert|bert|big_bird|camembert|convbert|data2vec-text|deberta|deberta-v2|distilbert|electra|ernie|eurobert|funnel|"
    "ibert|luke|megatron-bert|mobilebert|modernbert|mpnet|nystromformer|rembert|roberta|roberta-prelayernorm|roformer|"
    "splinter|squeezebert|xlm-roberta|xlm-roberta-xl|xmod"
)
# Of these, those whose positions begin behind that of the padding piece, which is 1 where config.json does not tell.
_PADDING_OFFSET_MODEL_TYPES = re.compile(
    "camembert|data2vec-text|ibert|luke|mpnet|roberta|roberta-prelayernorm|xlm-roberta|xlm-roberta-xl|xmod"
)


def locate_encoder(name: str) -> Path:
    """The folder of an encoder, complete enough to load.

    Args:
        name: of the menu, of a folder in `data/encoders/`, a path, or a hub name such as `FacebookAI/roberta-base`,
            which is downloaded where it is not cached.

    Raises AssetError, one sentence with what can be done.
    """
    return _find_local(name) or _download_from_hub(name)


def check_encoder(name: str) -> None:
    """Raises AssetError where `locate_encoder` is sure to; asks no network, so a name of the hub is taken for one."""
    if _find_local(name) is None:
        from huggingface_hub.constants import is_offline_mode

        if is_offline_mode():
            _download_from_hub(name)


def _find_local(name: str) -> Path | None:
    """A pinned encoder or a local folder; None for a name that the hub may have."""
    if name in ENCODERS:
        return ENCODERS[name].require()
    if folder := _find_folder(name):
        return _require_loadable(folder, name)
    if not _HUB_NAME.fullmatch(name) or ".." in name:
        raise AssetError(f"unknown encoder {name!r}: neither a folder nor a valid hub name; {_choices()}")
    return None


def list_encoders() -> list[str]:
    """Names that `locate_encoder` takes without a network: pinned ones (fetched or not), local folders, cached ones."""
    local = sorted(folder.name for folder in _folders_in(_encoders_folder()) if not _describe_problem(folder))
    return list(dict.fromkeys([*ENCODERS, *local, *sorted(_list_cached())]))


def read_max_sequence_length(name: str) -> int | None:
    """Word pieces that an encoder has positions for, as its config.json tells; None where that is not known here.

    Nothing is downloaded for it, and no torch is needed.
    """
    if name in ENCODERS:
        folder: Path | None = ENCODERS[name].folder
    else:
        folder = _find_folder(name) or _cached_folder(name)
    config = _config_of(folder) if folder else {}
    positions, padding = config.get("max_position_embeddings"), config.get("pad_token_id", 1)
    if type(positions) is not int or positions <= 0:
        return None
    behind = _PADDING_OFFSET_MODEL_TYPES.fullmatch(str(config.get("model_type"))) and type(padding) is int
    return positions - 1 - padding if behind else positions


def hash_encoder(folder: Path) -> str:
    """One hash over the weights, configuration and tokenizer of an encoder's folder.

    Noted and believed for as long as no file changes in size, inode or times, as git does: hashing takes 0.7 s a GB.
    """
    patterns = _PATTERNS if any(Path(folder).glob("*.safetensors")) else [*_PATTERNS, *_PICKLE_PATTERNS]
    paths = sorted({path for pattern in patterns for path in Path(folder).glob(pattern)})
    state, is_old = _fingerprint_files(paths)
    told = load_json(f"encoders/{state}")
    if is_old and isinstance(told, str) and re.fullmatch("[0-9a-f]{64}", told):
        return told
    together = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            together.update(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n".encode())
    if is_old:
        store_json(f"encoders/{state}", together.hexdigest())
    return together.hexdigest()


def _fingerprint_files(paths: list[Path]) -> tuple[str, bool]:
    """What files look like from outside, and whether for so long that a further change would show in their times."""
    seen = [(str(path.absolute()), path.stat()) for path in paths]
    about = [(path, it.st_size, it.st_ino, it.st_mtime_ns, it.st_ctime_ns) for path, it in seen]
    newest = max((it.st_ctime for _, it in seen), default=0.0)
    return hashlib.sha256(repr(about).encode()).hexdigest()[:32], abs(time.time() - newest) > _SETTLED_S


def _encoders_folder() -> Path:
    return paths.data() / "encoders"


def _folders_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _find_folder(name: str) -> Path | None:
    with contextlib.suppress(OSError, RuntimeError):  # too long for a path, `~nobody`
        for folder in (_encoders_folder() / name, Path(name).expanduser()):
            if name.strip() and folder.is_dir():
                return folder
    return None


def _require_loadable(folder: Path, name: str) -> Path:
    if problem := _describe_problem(folder):
        raise AssetError(f"encoder folder {name!r} {problem}")
    return folder


def _describe_problem(folder: Path) -> str:
    """What keeps a folder from being loaded as an encoder; empty where nothing does."""
    if _model_type(folder) is None:
        return "has no readable config.json with a model_type; expected a folder as save_pretrained writes it"
    if problem := _describe_weights_problem(folder):
        return problem
    if not any(any(folder.glob(pattern)) for pattern in _TOKENIZER_FILES):
        return f"has no tokenizer; expected one of {', '.join(_TOKENIZER_FILES)}"
    return ""


def _model_type(folder: Path) -> str | None:
    found = _config_of(folder).get("model_type")
    return found if isinstance(found, str) else None


def _config_of(folder: Path) -> dict[str, Any]:
    """What config.json says; nothing where it cannot be read."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def _describe_weights_problem(folder: Path) -> str:
    if any((folder / name).is_file() for name in _WEIGHTS):
        return ""
    for name in _WEIGHTS:
        try:
            index = json.loads((folder / f"{name}.index.json").read_bytes())
            shards = set(index["weight_map"].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        missing = sorted(shard for shard in shards if not (folder / shard).is_file())
        return f"lacks {missing[0]}, which its {name}.index.json names" if missing else ""
    return f"has no weights; expected {' or '.join(_WEIGHTS)}"


def _download_from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download  # late: 0.3 s that reading a corpus does not need
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        cached = Path(
            snapshot_download(name, allow_patterns=_PATTERNS, ignore_patterns=_IGNORED_PATTERNS, local_files_only=True)
        )
        if not _describe_problem(cached):
            return cached
    except (LocalEntryNotFoundError, ValueError):  # a name that the hub does not allow is told below
        pass
    try:
        folder = Path(snapshot_download(name, allow_patterns=_PATTERNS, ignore_patterns=_IGNORED_PATTERNS))
        if _model_type(folder) and _describe_weights_problem(folder):
            patterns = [*_PATTERNS, *_PICKLE_PATTERNS]
            folder = Path(snapshot_download(name, allow_patterns=patterns, ignore_patterns=_IGNORED_PATTERNS))
    except Exception as error:  # of huggingface_hub, its HTTP library, or the disk
        raise AssetError(_hub_failure(name, error)) from error
    if problem := _describe_problem(folder):
        raise AssetError(f"encoder {name!r} from the hub {problem}")
    return folder


def _hub_failure(name: str, error: Exception) -> str:
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled, RepositoryNotFoundError

    if isinstance(error, LocalEntryNotFoundError | OfflineModeIsEnabled):
        what = f"encoder {name!r} is not on this machine, and the Hugging Face hub cannot be reached"
        return f"{what}; connect once to download it, set HF_ENDPOINT to a mirror, or {_choices()}"
    if isinstance(error, RepositoryNotFoundError):
        advice = f"check its spelling, run `hf auth login` if it is private, or {_choices()}"
        return f"the hub has no public encoder {name!r}; {advice}"
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"encoder {name!r} could not be downloaded from the hub: {first.rstrip('.')}; try again, or {_choices()}"


def _choices() -> str:
    return f"give a local folder, or one of the menu: {', '.join(list_encoders())}"


def _cached_folder(name: str) -> Path | None:
    """An encoder's folder in the hub's cache, in whatever version; None where it is not there."""
    from huggingface_hub.constants import HF_HUB_CACHE

    if not _HUB_NAME.fullmatch(name):
        return None
    snapshots = _folders_in(Path(HF_HUB_CACHE) / f"models--{name.replace('/', '--')}" / "snapshots")
    return next(iter(snapshots), None)


def _list_cached() -> list[str]:
    """Hub names of encoders that are in the hub's cache and complete."""
    from huggingface_hub.constants import HF_HUB_CACHE

    found = []
    for repository in _folders_in(Path(HF_HUB_CACHE)):
        kind, _, name = repository.name.partition("--")
        if kind != "models":
            continue
        snapshots = _folders_in(repository / "snapshots")
        if any(
            _ENCODER_MODEL_TYPES.fullmatch(_model_type(folder) or "") and not _describe_problem(folder)
            for folder in snapshots
        ):
            found.append(name.replace("--", "/"))
    return found
