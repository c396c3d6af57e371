"""From examples and their evidence to the encoder's inputs: ``[CLS] x <EOS> t1 ... tk [SEP]``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kc_schema.retrieval_cache import Example, Hit
from training.config import ContextConfig
from training.data.contexts import context_text, pack
from training.data.markers import MARKERS, place_markers
from training.errors import TrainingError

__all__ = ["EncodedInput", "InputEncoder", "load_tokenizer"]

_CHUNK = 2048


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
    """Gives the fast tokenizer of a model, for RE with the markers as special tokens.

    Raises:
        TrainingError: it cannot be loaded, or lacks the special tokens that the input needs.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise TrainingError(f"encoder.name: no tokenizer {name!r}: {str(error).splitlines()[0]}") from error
    if not tokenizer.is_fast or tokenizer.cls_token_id is None or tokenizer.sep_token_id is None:
        raise TrainingError(f"encoder.name: {name!r} is no encoder with [CLS], [SEP] and a fast tokenizer")
    if markers:
        tokenizer.add_special_tokens({"extra_special_tokens": list(MARKERS)})
    return tokenizer


@dataclass
class InputEncoder:
    """Encodes examples with their evidence.

    Text that spells a special token (``[SEP]`` or a marker in a tweet) is read as plain text.
    """

    tokenizer: Any
    contexts: ContextConfig
    limit: int
    """Sub-tokens that the encoder takes, special ones included."""
    counts: Counter[str] = field(default_factory=Counter)
    """What happened: words without sub-tokens, contexts used, skipped as too long or as scored too low."""

    def encode(
        self, examples: Sequence[Example], hits: Mapping[str, Sequence[Hit]] | None
    ) -> list[EncodedInput]:
        """Gives the inputs of `examples` in their order; `hits` None means without evidence.

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
                packed = pack(len(sentence), separator, [next(contexts) for _ in texts], self.limit - 2)
                self.counts["contexts used"] += packed.used
                self.counts["contexts skipped: too long"] += packed.skipped
                self.counts["contexts skipped: no room left"] += packed.untried
                ids = [self.tokenizer.cls_token_id, *sentence, *packed.context, self.tokenizer.sep_token_id]
                inputs.append(EncodedInput(ids, [place + 1 for place in places], len(sentence) + 1))
        return inputs

    def _evidence(self, hits: Mapping[str, Sequence[Hit]] | None, example: Example) -> list[str]:
        if hits is None:
            return []
        found = hits.get(example.example_id, ())
        minimum = self.contexts.minimum_score
        kept = [hit for hit in found if minimum is None or hit.score >= minimum]
        self.counts["contexts left out: score below contexts.minimum_score"] += len(found) - len(kept)
        keep_anchors, title = self.contexts.anchors == "keep", self.contexts.titles
        return [
            context_text(hit, keep_anchors=keep_anchors, title=title) for hit in kept[: self.contexts.top_k]
        ]

    def _texts(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        # verbose=False: that a context alone exceeds the encoder's limit is no news, packing leaves it out.
        found: list[list[int]] = self.tokenizer(
            list(texts), add_special_tokens=False, split_special_tokens=True, verbose=False
        )["input_ids"]
        return found

    def _words(self, examples: Sequence[Example]) -> list[list[list[int]]]:
        """Gives the sub-tokens of every word; a word without any becomes the unknown token."""
        encoded = self.tokenizer(
            [list(example.tokens) for example in examples],
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
            all_words.append([word or [self.tokenizer.unk_token_id] for word in words])
        return all_words

    def _sentence(self, example: Example, words: list[list[int]]) -> tuple[list[int], list[int]]:
        """Gives the sentence's sub-tokens and the places that the task looks at."""
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
