"""From examples and their evidence to the encoder's inputs: ``[CLS] x <EOS> t1 ... tk [SEP]``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kc_schema.contexts import context_text, pack
from kc_schema.retrieval_cache import Example, Hit
from training.config import ContextConfig
from training.errors import TrainingError

__all__ = ["MARKERS", "EncodedInput", "InputEncoder", "load_tokenizer", "place_markers"]

MARKERS = ("<S>", "</S>", "<O>", "</O>")
"""Markers around the subject and the object of a relation (paper section 2.2, after PURE)."""

_CHUNK = 2048
_PROBE = ("Alan", "Turing", "worked", "at", "Bletchley", "Park", "in", "1942", ".")


@dataclass(frozen=True)
class EncodedInput:
    """One input of the encoder."""

    input_ids: list[int]
    """Sub-tokens with the special ones at both ends."""
    places: list[int]
    """Positions in `input_ids` that the task looks at: NER, the first sub-token of each word; RE, the
    beginning markers of the subject and of the object, in this order."""
    sentence_end: int
    """Position behind the sentence's last sub-token: the input without its contexts is
    ``input_ids[:sentence_end]`` and the closing special token."""


def load_tokenizer(name: str, *, markers: bool) -> Any:
    """Return the fast tokenizer of a model, for RE with the markers as special tokens.

    A tokenizer that names the ends of its inputs ``bos`` and ``eos`` (EuroBERT, mmBERT) has them as ``cls`` and
    ``sep``, too.

    Raises:
        TrainingError: it cannot be loaded, lacks the special tokens that the input needs, or reads the words of a
            sentence otherwise than running text.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise TrainingError(f"encoder.name: no tokenizer {name!r}: {str(error).splitlines()[0]}") from error
    _name_both_ends(tokenizer, name)
    word_lead(tokenizer)
    if markers:
        tokenizer.add_special_tokens({"extra_special_tokens": list(MARKERS)})
    return tokenizer


def _name_both_ends(tokenizer: Any, name: str) -> None:
    """Make sure that there are tokens for the ends of an input and for padding."""
    # Only a model that learned to fill in masked tokens reads a sentence in both directions.
    if tokenizer.mask_token_id is not None:
        tokenizer.cls_token = tokenizer.cls_token or tokenizer.bos_token
        tokenizer.sep_token = tokenizer.sep_token or tokenizer.eos_token
    needed = (tokenizer.cls_token_id, tokenizer.sep_token_id, tokenizer.pad_token_id, tokenizer.mask_token_id)
    if not tokenizer.is_fast or None in needed:
        raise TrainingError(
            f"encoder.name: {name!r} is no encoder with a fast tokenizer and tokens for both ends of an input ([CLS] "
            "and [SEP]), for padding and for masking; take one such as xlm-roberta-large"
        )


def word_lead(tokenizer: Any) -> str:
    """Return what stands in front of every word of a sentence so that it is read as in running text: "" or " ".

    BPE tokenizers of GPT-2's, Llama 3's and Gemma's kind (RoBERTa, ModernBERT, EuroBERT, mmBERT) take a word's
    space as part of it, and break up a word that comes without. Giving it is what ``add_prefix_space`` does,
    which not all of them have, and which puts spaces inside words in some.

    Raises:
        TrainingError: neither way gives the sub-tokens of running text.
    """
    for lead in ("", " "):
        words = [f"{lead}{word}" for word in _PROBE]
        options = {"add_special_tokens": False, "verbose": False}
        apart = tokenizer([words], is_split_into_words=True, **options)["input_ids"][0]
        if apart == tokenizer([f"{lead}{' '.join(_PROBE)}"], **options)["input_ids"][0]:
            return lead
    raise TrainingError(
        f"encoder.name: the tokenizer of {tokenizer.name_or_path!r} breaks up the words of a sentence otherwise than "
        "running text, so the encoder would not know them; take an encoder whose tokenizer parts words at white "
        "space, such as xlm-roberta-large"
    )


@dataclass
class InputEncoder:
    """Encode examples with their evidence.

    Text that spells a special token (``[SEP]`` or a marker in a tweet) is read as plain text.
    """

    tokenizer: Any
    contexts: ContextConfig
    limit: int
    """Sub-tokens that the encoder takes, special ones included."""
    counts: Counter[str] = field(default_factory=Counter)
    """What happened: words without sub-tokens, contexts used, cut or skipped as too long or as scored too low."""

    def __post_init__(self) -> None:
        self._lead = word_lead(self.tokenizer)
        special = sorted(self.tokenizer.all_special_tokens, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, special)))

    def encode(
        self, examples: Sequence[Example], hits: Mapping[str, Sequence[Hit]] | None
    ) -> list[EncodedInput]:
        """Return the inputs of `examples` in their order; `hits` None means without evidence.

        Raises:
            TrainingError: a sentence does not fit into the encoder, so that gold labels would be cut off.
        """
        separator = self._texts([self.contexts.separator])[0] if hits is not None else []
        inputs = []
        for begin in range(0, len(examples), _CHUNK):
            part = examples[begin : begin + _CHUNK]
            evidence = [self._evidence(hits, example) for example in part]
            contexts = iter(self._texts([text for texts in evidence for text in texts]))
            for example, words, texts in zip(part, self._words(part), evidence, strict=True):
                sentence, places = self._sentence(example, words)
                self._check(example, sentence)
                packed = pack(
                    len(sentence),
                    separator,
                    [next(contexts) for _ in texts],
                    self.limit - 2,
                    cut_too_long=self.contexts.too_long == "cut",
                )
                self.counts["contexts used"] += packed.used
                self.counts["contexts cut: too long"] += packed.cut
                self.counts["contexts skipped: too long"] += packed.skipped
                self.counts["contexts skipped: no room left"] += packed.untried
                ids = [self.tokenizer.cls_token_id, *sentence, *packed.context, self.tokenizer.sep_token_id]
                inputs.append(EncodedInput(ids, [place + 1 for place in places], len(sentence) + 1))
        return inputs

    def sentence_lengths(self, examples: Sequence[Example]) -> list[int]:
        """Return how many sub-tokens the words of each example take, without markers and special tokens."""
        return [
            sum(map(len, words))
            for begin in range(0, len(examples), _CHUNK)
            for words in self._words(examples[begin : begin + _CHUNK])
        ]

    def _evidence(self, hits: Mapping[str, Sequence[Hit]] | None, example: Example) -> list[str]:
        if hits is None:
            return []
        found = hits.get(example.example_id, ())
        minimum = self.contexts.minimum_score
        kept = [hit for hit in found if minimum is None or hit.score >= minimum]
        self.counts["contexts left out: score below contexts.minimum_score"] += len(found) - len(kept)
        contexts = self.contexts
        return [
            context_text(
                hit, keep_anchors=contexts.anchors == "keep", title=contexts.titles, types=contexts.types
            )
            for hit in kept[: contexts.top_k]
        ]

    def _texts(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        # verbose=False: that a context alone exceeds the encoder's limit is no news, packing leaves it out.
        found: list[list[int]] = self.tokenizer(
            [f"{self._lead}{self._plain(text)}" for text in texts],
            add_special_tokens=False,
            split_special_tokens=True,
            verbose=False,
        )["input_ids"]
        return found

    def _plain(self, text: str) -> str:
        """Return a text in which no special token is spelled: ``</s>`` becomes ``< /s>``.

        ``split_special_tokens`` is not enough: SentencePiece vocabularies (XLM-R, DeBERTa-v3) hold the special
        tokens as pieces, too.
        """
        return self._special.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)

    def _words(self, examples: Sequence[Example]) -> list[list[list[int]]]:
        """Return the sub-tokens of every word; a word without any becomes the unknown token.

        Tokenizers that know every byte have no such token; there it becomes the mask.
        """
        unknown = self.tokenizer.unk_token_id
        unknown = self.tokenizer.mask_token_id if unknown is None else unknown
        encoded = self.tokenizer(
            [
                [f"{self._lead}{self._plain(word)}" if word.strip() else word for word in example.tokens]
                for example in examples
            ],
            is_split_into_words=True,
            add_special_tokens=False,
            split_special_tokens=True,
            verbose=False,
        )
        all_words = []
        for row, example in enumerate(examples):
            words: list[list[int]] = [[] for _ in example.tokens]
            for number, word in zip(encoded["input_ids"][row], encoded.word_ids(row), strict=True):
                words[word].append(number)
            empty = sum(not word for word in words)
            self.counts["words without sub-tokens"] += empty
            all_words.append([word or [unknown] for word in words])
        return all_words

    def _sentence(self, example: Example, words: list[list[int]]) -> tuple[list[int], list[int]]:
        """Return the sentence's sub-tokens and the places that the task looks at."""
        if example.subject is None or example.object is None:
            sub_tokens: list[int] = []
            places = []
            for word in words:
                places.append(len(sub_tokens))
                sub_tokens += word
            return sub_tokens, places
        sub_tokens, opened = [], {}
        markers = iter([*place_markers(len(words), example.subject, example.object), (-1, "")])
        at, marker = next(markers)
        for place in range(len(words) + 1):
            while at == place:
                opened[marker] = len(sub_tokens)
                sub_tokens.append(self.tokenizer.convert_tokens_to_ids(marker))
                at, marker = next(markers)
            if place < len(words):
                sub_tokens += words[place]
        return sub_tokens, [opened["<S>"], opened["<O>"]]

    def _check(self, example: Example, sentence: Sequence[int]) -> None:
        if len(sentence) > self.limit - 2:
            raise TrainingError(
                f"example {example.example_id!r}: its sentence takes {len(sentence)} sub-tokens, the encoder "
                f"takes {self.limit - 2}, so labels would be cut off; divide the sentence in the data set or "
                "take an encoder with a greater limit"
            )


def place_markers(length: int, subject: tuple[int, int], obj: tuple[int, int]) -> list[tuple[int, str]]:
    """Return the markers in reading order, each with the token before which it stands (`length`: the end).

    Where one span holds the other its markers stand outside; spans that are equal have the subject's outside.
    Spans that cross can only cross. An ending marker stands before a beginning one at the same place.

    Raises:
        ValueError: a span is empty or leaves the tokens.
    """
    placed: list[tuple[tuple[int, int, int, int], int, str]] = []
    for order, (name, (start, end)) in enumerate((("S", subject), ("O", obj))):
        if not 0 <= start < end <= length:
            raise ValueError(f"span [{start}, {end}) of {name} does not lie in {length} tokens")
        # At one place: endings first, the inner before the outer; then beginnings, the outer before the inner.
        placed.append(((end, 0, -start, -order), end, f"</{name}>"))
        placed.append(((start, 1, -end, order), start, f"<{name}>"))
    return [(place, marker) for _, place, marker in sorted(placed)]
