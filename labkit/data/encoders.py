"""Encoder lookup: a pinned encoder, a local folder, or a Hugging Face hub name.

Weights come as safetensors or else as pytorch_model.bin, of which only tensors are read: no code of an encoder, in its
weights or beside them, is ever run.
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
from labkit.messages import N_, Message

# Files of a hub repository that a run needs: weights, configuration and tokenizer of the top folder, no subfolders.
_PATTERNS = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model"]
_IGNORED_PATTERNS = ["*/*"]
_PICKLE_PATTERNS = ["pytorch_model.bin", "pytorch_model-*.bin"]  # downloaded if there is nothing better
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")
_SETTLED_S = 3.0  # some file systems store times in steps of two seconds
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")

# Bidirectional architectures, which belong in the menu, by their model_type in config.json.
_ENCODER_MODEL_TYPES = re.compile(
    "albert|bert|big_bird|camembert|convbert|data2vec-text|deberta|deberta-v2|distilbert|electra|ernie|eurobert|funnel|"
    "ibert|luke|megatron-bert|mobilebert|modernbert|mpnet|nystromformer|rembert|roberta|roberta-prelayernorm|roformer|"
    "splinter|squeezebert|xlm-roberta|xlm-roberta-xl|xmod"
)
# Architectures whose positions begin after that of the padding token, which is 1 unless config.json says otherwise.
_PADDING_OFFSET_MODEL_TYPES = re.compile(
    "camembert|data2vec-text|ibert|luke|mpnet|roberta|roberta-prelayernorm|xlm-roberta|xlm-roberta-xl|xmod"
)


def locate_encoder(name: str) -> Path:
    """Finds or downloads an encoder; returns a folder complete enough to load.

    Args:
        name: name in the menu, name of a folder in `data/encoders/`, path, or hub name like `FacebookAI/roberta-base`,
            which is downloaded unless it is cached.

    Raises AssetError, one sentence with a remedy.
    """
    return _find_local(name) or _download_from_hub(name)


def check_encoder(name: str) -> None:
    """Raises AssetError if `locate_encoder` is sure to fail.

    Uses no network, so a possible hub name passes.
    """
    if _find_local(name) is None:
        from huggingface_hub.constants import is_offline_mode

        if is_offline_mode():
            _download_from_hub(name)


def _find_local(name: str) -> Path | None:
    """Folder of a pinned or local encoder, or None."""
    if name in ENCODERS:
        return ENCODERS[name].require()
    if folder := _find_folder(name):
        if problem := _describe_problem(folder):
            raise AssetError(Message("encoder folder {name!r} {problem}", name=name, problem=problem))
        return folder
    if not _HUB_NAME.fullmatch(name) or ".." in name:
        text = N_("unknown encoder {name!r}: neither a folder nor a valid hub name; {choices}")
        raise AssetError(Message(text, name=name, choices=_choices()))
    return None


def list_encoders() -> list[str]:
    """Encoders of the menu: pinned, local and cached ones.

    Pinned ones are listed fetched or not; the others need no network.
    """
    folders = [_shipped_encoder(), *_folders_in(_encoders_folder())]
    local = sorted(folder.name for folder in folders if not _describe_problem(folder))
    return list(dict.fromkeys([*ENCODERS, *local, *sorted(_list_cached())]))


def read_max_sequence_length(name: str) -> int | None:
    """Number of tokens an encoder has positions for, from its config.json.

    None if that is not known on this machine. Downloads nothing and needs no torch.
    """
    if name in ENCODERS:
        folder: Path | None = ENCODERS[name].folder
    else:
        folder = _find_folder(name) or _cached_folder(name)
    config = _config_of(folder) if folder else {}
    positions, padding = config.get("max_position_embeddings"), config.get("pad_token_id", 1)
    if type(positions) is not int or positions <= 0:
        return None
    has_offset = _PADDING_OFFSET_MODEL_TYPES.fullmatch(str(config.get("model_type"))) and type(padding) is int
    return positions - 1 - padding if has_offset else positions


def hash_encoder(folder: Path) -> str:
    """SHA-256 over the weights, configuration and tokenizer of an encoder's folder.

    Cached until a file changes in size, inode or times, as git does: hashing takes 0.7 s per GB.
    """
    patterns = _PATTERNS if any(Path(folder).glob("*.safetensors")) else [*_PATTERNS, *_PICKLE_PATTERNS]
    files = sorted({path for pattern in patterns for path in Path(folder).glob(pattern)})
    fingerprint, is_settled = _fingerprint_files(files)
    if is_settled and (cached := load_json(f"encoders/{fingerprint}", str)):
        return cached
    combined = hashlib.sha256()
    for path in files:
        with open(path, "rb") as file:
            combined.update(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n".encode())
    if is_settled:
        store_json(f"encoders/{fingerprint}", combined.hexdigest())
    return combined.hexdigest()


def _fingerprint_files(files: list[Path]) -> tuple[str, bool]:
    """Hash of the files' sizes and times, and True if they settled.

    Right after a change, another one might not show within the resolution of the times.
    """
    stats = [(str(path.absolute()), path.stat()) for path in files]
    metadata = [(path, it.st_size, it.st_ino, it.st_mtime_ns, it.st_ctime_ns) for path, it in stats]
    newest = max((it.st_ctime for _, it in stats), default=0.0)
    return hashlib.sha256(repr(metadata).encode()).hexdigest()[:32], abs(time.time() - newest) > _SETTLED_S


def _encoders_folder() -> Path:
    return paths.data() / "encoders"


def _shipped_encoder() -> Path:
    """Folder of the encoder that comes with labkit."""
    return paths.shipped() / "data" / "encoders" / "tiny-zh"


def _folders_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]


def _find_folder(name: str) -> Path | None:
    with contextlib.suppress(OSError, RuntimeError):  # too long for a path, `~nobody`
        shipped = [_shipped_encoder()] if name == _shipped_encoder().name else []
        for folder in (_encoders_folder() / name, *shipped, Path(name).expanduser()):
            if name.strip() and folder.is_dir():
                return folder
    return None


def _describe_problem(folder: Path) -> Message | None:
    """Reason why an encoder folder cannot be loaded; None if it can."""
    if _model_type(folder) is None:
        return Message("has no readable config.json with a model_type; expected a folder as save_pretrained writes it")
    if problem := _describe_weights_problem(folder):
        return problem
    if not any(any(folder.glob(pattern)) for pattern in _TOKENIZER_FILES):
        return Message("has no tokenizer; expected one of {names}", names=", ".join(_TOKENIZER_FILES))
    return None


def _model_type(folder: Path) -> str | None:
    model_type = _config_of(folder).get("model_type")
    return model_type if isinstance(model_type, str) else None


def _config_of(folder: Path) -> dict[str, Any]:
    """Contents of config.json; empty if it cannot be read."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def _describe_weights_problem(folder: Path) -> Message | None:
    if any((folder / name).is_file() for name in _WEIGHTS):
        return None
    for name in _WEIGHTS:
        try:
            index = json.loads((folder / f"{name}.index.json").read_bytes())
            shards = set(index["weight_map"].values())
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        missing = sorted(shard for shard in shards if not (folder / shard).is_file())
        if not missing:
            return None
        return Message("lacks {file}, which its {index} names", file=missing[0], index=f"{name}.index.json")
    return Message("has no weights; expected {one} or {other}", one=_WEIGHTS[0], other=_WEIGHTS[1])


def _download_from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download  # takes 0.3 s, which reading a corpus does not need
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        cached = Path(
            snapshot_download(name, allow_patterns=_PATTERNS, ignore_patterns=_IGNORED_PATTERNS, local_files_only=True)
        )
        if not _describe_problem(cached):
            return cached
    except (LocalEntryNotFoundError, ValueError):  # a name that the hub does not allow fails again below
        pass
    try:
        folder = Path(snapshot_download(name, allow_patterns=_PATTERNS, ignore_patterns=_IGNORED_PATTERNS))
        if _model_type(folder) and _describe_weights_problem(folder):
            patterns = [*_PATTERNS, *_PICKLE_PATTERNS]
            folder = Path(snapshot_download(name, allow_patterns=patterns, ignore_patterns=_IGNORED_PATTERNS))
    except Exception as error:  # of huggingface_hub, its HTTP library, or the disk
        raise AssetError(_hub_failure(name, error)) from error
    if problem := _describe_problem(folder):
        raise AssetError(Message("encoder {name!r} from the hub {problem}", name=name, problem=problem))
    return folder


def _hub_failure(name: str, error: Exception) -> Message:
    from huggingface_hub.errors import LocalEntryNotFoundError, OfflineModeIsEnabled, RepositoryNotFoundError

    if isinstance(error, LocalEntryNotFoundError | OfflineModeIsEnabled):
        text = N_(
            "encoder {name!r} is not on this machine, and the Hugging Face hub cannot be reached; connect once to "
            "download it, set HF_ENDPOINT to a mirror, or {choices}"
        )
        return Message(text, name=name, choices=_choices())
    if isinstance(error, RepositoryNotFoundError):
        text = N_(
            "the hub has no public encoder {name!r}; check its spelling, run `hf auth login` if it is private, or "
            "{choices}"
        )
        return Message(text, name=name, choices=_choices())
    reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    text = N_("encoder {name!r} could not be downloaded from the hub: {error}; try again, or {choices}")
    return Message(text, name=name, error=reason, choices=_choices())


def _choices() -> Message:
    return Message("give a local folder, or one of the menu: {menu}", menu=", ".join(list_encoders()))


def _cached_folder(name: str) -> Path | None:
    """Folder of an encoder in the hub's cache, or None."""
    from huggingface_hub.constants import HF_HUB_CACHE

    if not _HUB_NAME.fullmatch(name):
        return None
    snapshots = _folders_in(Path(HF_HUB_CACHE) / f"models--{name.replace('/', '--')}" / "snapshots")
    return next(iter(snapshots), None)


def _list_cached() -> list[str]:
    """Hub names of the complete encoders in the hub's cache."""
    from huggingface_hub.constants import HF_HUB_CACHE

    names = []
    for repository in _folders_in(Path(HF_HUB_CACHE)):
        kind, _, name = repository.name.partition("--")
        if kind != "models":
            continue
        snapshots = _folders_in(repository / "snapshots")
        if any(
            _ENCODER_MODEL_TYPES.fullmatch(_model_type(folder) or "") and not _describe_problem(folder)
            for folder in snapshots
        ):
            names.append(name.replace("--", "/"))
    return names
