"""Hugging Face's tokenizer and chat template of a model's folder, with content that cannot become a control token."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from llguidance import LLTokenizer
from tokenizers import Encoding, Tokenizer
from tokenizers.decoders import DecodeStream

from backends.contract import EngineError
from backends.conversation.chat_template import ChatTemplate
from backends.conversation.prompt import Piece, SpecialTokens
from backends.json_files import read_json
from backends.text.limits import refuse_long

_NAMED_TOKENS = tuple(f"{name}_token" for name in ("bos", "eos", "unk", "sep", "pad", "cls", "mask"))
"""Those that Transformers gives to chat templates."""
_WHITE_SPACE = " \t\n\r\u2581"
"""What added tokens of white space consist of; ``\u2581`` is a space of SentencePiece."""


class FolderTokenizer:
    """Tokens of text, text of tokens, and prompts of conversations."""

    def __init__(
        self,
        folders: Sequence[Path],
        tokenizer: Tokenizer | None = None,
        end_tokens: Iterable[int] = (),
        *,
        pictures: bool = False,
    ) -> None:
        """``folders``, the first that has a file wins. ``tokenizer``: where no ``tokenizer.json`` holds it.

        ``end_tokens``: ids that end an answer, beside those that the folder's configuration names.
        ``pictures``: conversations may have pictures, which take a placeholder each.

        Raises:
            EngineError: ``load_failed`` where there is none.
        """
        self._folders = folders
        content = json.loads((tokenizer or read_tokenizer(folders)).to_str())
        self._tokenizer = _tokenizer_of(_with_literal_tokens(content))
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        added = self._tokenizer.get_added_tokens_decoder()
        # Text that no entry spells becomes this token, and forges nothing by that.
        unknown = _unknown_token(content["model"], self._tokenizer)
        self._special_ids = {
            number
            for number, token in added.items()
            if (token.special or token.content.strip(_WHITE_SPACE)) and token.content != unknown
        }
        self._spellings = {
            number: token.content.strip()
            for number, token in added.items()
            if token.special and number in self._special_ids
        }
        self.longest_token = max(map(len, self._tokenizer.get_vocab()), default=1)
        self._plain = _tokenizer_of(_without_added_tokens(content))
        special = SpecialTokens([token.content for token in added.values()])
        config = self.read_json("tokenizer_config.json")
        tokens_map = self.read_json("special_tokens_map.json")
        named = {name: _text(config.get(name) or tokens_map.get(name) or "") for name in _NAMED_TOKENS}
        self.chat_template = ChatTemplate(self._template_source(config), special, named, pictures=pictures)
        ends = [config.get("eos_token"), tokens_map.get("eos_token")]
        self.end_tokens = frozenset(
            number for number in (*self._configured(), *map(self._id, ends), *end_tokens) if number is not None
        )
        self.beginning = self._beginning(config)
        self._prefix: list[int] = []
        if (fallback := self.chat_template.fallback) is not None:
            self.end_tokens |= {number for number in map(self._id, fallback.tokens[-1:]) if number is not None}
            around = self._tokenizer.encode("", add_special_tokens=True).ids
            self._prefix = [number for number in around if number not in self.end_tokens]
        self.pad_token = self._id(config.get("pad_token")) or 0

    @property
    def vocab_size(self) -> int:
        """Tokens, added ones too."""
        return self._tokenizer.get_vocab_size()

    def read_json(self, name: str) -> dict[str, Any]:
        """A configuration file as an object; empty where there is none."""
        return read_json(self._folders, name)

    def encode(self, text: str, *, special: bool = False, add_special: bool = False) -> list[int]:
        """Token ids. ``special``: control tokens in the text are parsed; ``add_special``: with the model's own ends."""
        if special:
            return self._parsed(text, add_special=add_special)
        encoding = self._encode_plain(text)
        return list((self._tokenizer.post_process(encoding) if add_special else encoding).ids)

    def encodings(self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, longest: int) -> list[Encoding]:
        """Return texts, or pairs of them, with what the model wants around them; nothing in them is a control token.

        Raises:
            EngineError: ``context_overflow`` for a text that must be far more than ``longest`` tokens.
        """
        for text in (*texts, *(pairs or ())):
            refuse_long([text], self.longest_token, longest)
        if pairs is None:
            return [self._tokenizer.post_process(self._encode_plain(text)) for text in texts]
        encoded = (
            (self._encode_plain(text), self._encode_plain(pair)) for text, pair in zip(texts, pairs, strict=True)
        )
        return [self._tokenizer.post_process(text, pair) for text, pair in encoded]

    def tokens(self, pieces: Iterable[Piece]) -> list[int]:
        """Return the tokens of a prompt; a fallback template does not write the model's BOS, so it is added."""
        return self._prefix + [
            token for piece in pieces for token in self.encode(piece.text, special=piece.parse_special)
        ]

    def for_grammars(self) -> LLTokenizer:
        """The vocabulary as llguidance has it."""
        return LLTokenizer(str(self._tokenizer.to_str()), eos_token=sorted(self.end_tokens))

    def decoder(self, shown: Collection[str] = ()) -> Decoder:
        """Text of tokens that come one by one; see ``PromptTokenizer``."""
        return Decoder(self._tokenizer, {number: text for number, text in self._spellings.items() if text in shown})

    def close(self) -> None:
        """End the template's process."""
        self.chat_template.close()

    def _parsed(self, text: str, *, add_special: bool) -> list[int]:
        """Return the tokens of text in which control tokens are parsed where they are spelt as they are.

        The vocabulary itself may hold a control token's text, and form the token where normalising makes that text of
        other letters (of full-width ones, by NFKC; of a space, where ``\u2581`` stands for one).
        """
        encoding = self._tokenizer.encode(text, add_special_tokens=add_special)
        formed = [
            (start, end)
            for number, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)
            if start < end and self._spellings.get(number, text[start:end].strip()) != text[start:end].strip()
        ]
        if not formed:
            return list(encoding.ids)
        tokens: list[int] = []
        at = 0
        for start, end in formed:
            tokens += self._tokenizer.encode(text[at:start], add_special_tokens=False).ids
            tokens += self._encode_plain(text[start:end]).ids
            at = end
        return tokens + list(self._tokenizer.encode(text[at:], add_special_tokens=False).ids)

    def _encode_plain(self, text: str) -> Encoding:
        encoding = self._plain.encode(text, add_special_tokens=False)
        if self._special_ids.isdisjoint(encoding.ids):
            return encoding
        # The vocabulary itself holds the token's text. Character by character nothing can form it.
        return Encoding.merge([self._plain.encode(character, add_special_tokens=False) for character in text])

    def _id(self, token: str | dict[str, Any] | None) -> int | None:
        number: int | None = self._tokenizer.token_to_id(_text(token)) if token else None
        return number

    def _beginning(self, config: Mapping[str, Any]) -> list[int]:
        """What an empty prompt consists of: something must be evaluated."""
        first = self._id(config.get("bos_token"))
        return [first if first is not None else min(self.end_tokens, default=0)]

    def _configured(self) -> Iterator[int]:
        for name in ("generation_config.json", "config.json"):
            found = self.read_json(name).get("eos_token_id")
            yield from found if isinstance(found, list) else [found] if isinstance(found, int) else []

    def _template_source(self, config: Mapping[str, Any]) -> str:
        source = self._read_template() or self.read_json("chat_template.json").get("chat_template")
        source = source or config.get("chat_template")
        if isinstance(source, list):
            source = next((it["template"] for it in source if it.get("name") == "default"), None)
        return str(source or "")

    def _read_template(self) -> str | None:
        for folder in self._folders:
            with suppress(OSError, UnicodeDecodeError):
                return (folder / "chat_template.jinja").read_text(encoding="utf-8")
        return None


class Decoder:
    """Gives out whole code points; control tokens have no text, but those of ``shown``, by their ids."""

    def __init__(self, tokenizer: Tokenizer, shown: Mapping[int, str]) -> None:
        self._tokenizer = tokenizer
        self._shown = shown
        self._stream = DecodeStream(skip_special_tokens=True)

    def push(self, token: int) -> str:
        """Text that is complete with this token."""
        return self._shown.get(token) or self._stream.step(self._tokenizer, token) or ""


def read_tokenizer(folders: Sequence[Path]) -> Tokenizer:
    """What ``tokenizer.json`` holds.

    Raises:
        EngineError: ``load_failed``.
    """
    for folder in folders:
        path = folder / "tokenizer.json"
        if path.is_file():
            try:
                return Tokenizer.from_file(str(path))
            except Exception as error:  # the library raises nothing more specific
                raise EngineError("load_failed", f"{path} cannot be read: {error}", path=str(path)) from error
    where = folders[0]
    raise EngineError(
        "load_failed", f"There is no tokenizer.json in {where}; download the model whole.", path=str(where)
    )


def _tokenizer_of(content: Mapping[str, Any]) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(content))


def _with_literal_tokens(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a ``tokenizer.json`` that finds added tokens only where they are spelt as they are.

    Normalising could make such a token of other letters.
    """
    tokens = [
        {**token, "normalized": token["normalized"] and not token["content"].strip()}
        for token in content["added_tokens"]
    ]
    return {**content, "added_tokens": tokens}


def _without_added_tokens(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a ``tokenizer.json`` for text in which nothing is a control token."""
    return {**content, "added_tokens": [], "post_processor": None, "truncation": None, "padding": None}


def _unknown_token(model: Mapping[str, Any], tokenizer: Tokenizer) -> str | None:
    """Return the spelling of the token that stands for text which the vocabulary cannot spell."""
    number = model.get("unk_id")
    return tokenizer.id_to_token(number) if number is not None else model.get("unk_token")


def _text(token: str | Mapping[str, Any]) -> str:
    return token if isinstance(token, str) else str(token.get("content", ""))
