"""The user's token for the hub: ``HF_TOKEN``, or the file that ``hf auth login`` writes."""

from __future__ import annotations

from native_host.protocol.errors import ErrorCode, TabAgentError


def hub_token() -> str | None:
    """Return the token, or None. Reads a file; renews an expired token if its login allows that.

    Raises:
        TabAgentError: ``gated``: the token cannot be read, or cannot be sent in a header.
    """
    from huggingface_hub import get_token  # noqa: PLC0415  # a third of a second that most requests do without

    try:
        token = get_token()
    except (OSError, ValueError, RuntimeError) as error:
        raise TabAgentError(
            ErrorCode.GATED, f"The Hugging Face token cannot be read: {error}. Set HF_TOKEN or repair the file."
        ) from error
    if token is not None and not all("!" <= character <= "~" for character in token):
        raise TabAgentError(
            ErrorCode.GATED, "The Hugging Face token holds spaces, control or non-ASCII characters. Copy it again."
        )
    return token
