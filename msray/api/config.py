"""What an API in one process is told."""

import ipaddress
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from msray.api.auth import KeyRing, key_of, read_keys
from msray.api.state import Profile
from msray.prediction.config import MODEL_WORDS

ModelWords = Annotated[str, Field(pattern=MODEL_WORDS)]


class ApiConfig(BaseModel):
    """Fields of an API server.

    Attributes
    ----------
    host, port
        Where it listens; port 0 takes any that is free.
    ledger_url
        Path of an SQLite file, or a URL; may hold a password.
    keys_file
        Hashes of keys; see :func:`~msray.api.auth.read_keys`.
    api_key
        One key in clear, good for everything.
    profile
        ``production`` shows no documentation pages.
    cors_origins
        Origins whose pages may call.
    instruments, signal_types
        Names that may be labels of metrics, besides those of this system's own detections.
    active_window_s
        How long a signal counts as active.
    models_dir, models
        Folder of the registry, and the models of it that are served: ``NAME``, which is ``NAME@production``,
        ``NAME@ALIAS`` or ``NAME:VERSION``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65535)
    ledger_url: SecretStr = SecretStr("ledger.db")
    keys_file: Path | None = None
    api_key: SecretStr | None = None
    profile: Profile = "development"
    cors_origins: tuple[str, ...] = ()
    instruments: Annotated[tuple[str, ...], Field(max_length=4096)] = ()
    signal_types: Annotated[tuple[str, ...], Field(max_length=1000)] = ()
    active_window_s: float = Field(default=300.0, gt=0, le=86_400)
    models_dir: Path = Path("models")
    models: Annotated[tuple[ModelWords, ...], Field(max_length=16)] = ()

    @model_validator(mode="after")
    def _is_not_open_to_the_world(self) -> "ApiConfig":
        if not _is_loopback(self.host) and not self.api_key and not self.keys_file:
            raise ValueError(f"host must be 127.0.0.1 unless there is an API key, got {self.host}")
        return self

    def key_ring(self) -> KeyRing:
        """The keys of the file and the one in clear.

        Raises
        ------
        ConfigError
            If the file cannot be read, or a key is empty.
        """
        keys = read_keys(self.keys_file) if self.keys_file else []
        return KeyRing([*keys, *([key_of(self.api_key.get_secret_value())] if self.api_key else [])])


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
