"""Encoders of every kind that people take, tiny and random: words, both ends, limits, markers, saving."""

import json

import pytest
import torch
import transformers
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from kc_schema.retrieval_cache import Example, Hit
from training.config import ContextConfig, FitConfig
from training.data.batching import Collator, EncodedDataset
from training.data.inputs import MARKERS, InputEncoder, load_tokenizer
from training.data.labels import RelationSet, TagSet
from training.errors import TrainingError
from training.experts import Expert, load_expert
from training.models.encoder import checkpoint_activations, encoder_limit, encoder_shape, load_encoder
from training.task import Task

pytestmark = pytest.mark.torch

TEXT = [
    "Alan Turing worked at Bletchley Park in 1942 .",
    "Turing met Ada in London , and Ada met Turing at the river Thames .",
    "The village of Bletchley lies by a river ; many people worked there .",
    "Zürich and Tromsø are towns . He said that it's his 2nd book .",
] * 20
SHAPE = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
}
# Llama 3's rule where a piece of text ends, shortened.
LLAMA_PIECES = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)


def trained(model, trainer, pre_tokenizer):
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.train_from_iterator(TEXT, trainer)
    return tokenizer


def learned_bpe(pre_tokenizer, special, alphabet=()):
    trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=list(alphabet))
    return trained(models.BPE(), trainer, pre_tokenizer)


def parts(tokenizer):
    """Vocabulary and merges of a BPE tokenizer."""
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]


def byte_level(special):
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return learned_bpe(pre_tokenizers.ByteLevel(add_prefix_space=False), special, alphabet)


def unigram(special, unknown):
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=special, unk_token=unknown)
    tokenizer = trained(models.Unigram(), trainer, pre_tokenizers.Metaspace())
    return [tuple(entry) for entry in json.loads(tokenizer.to_str())["model"]["vocab"]]


def bert():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=300, special_tokens=special)
    tokenizer = trained(models.WordPiece(unk_token="[UNK]"), trainer, pre_tokenizers.BertPreTokenizer())
    return transformers.BertTokenizer(
        vocab=tokenizer.get_vocab(), do_lower_case=False
    ), transformers.BertConfig


def roberta():
    vocabulary, merges = parts(byte_level(["<s>", "<pad>", "</s>", "<unk>", "<mask>"]))
    return transformers.RobertaTokenizer(vocab=vocabulary, merges=merges), transformers.RobertaConfig


def longformer():
    tokenizer, _ = roberta()
    return tokenizer, transformers.LongformerConfig


def xlm_roberta():
    vocabulary = unigram(["<s>", "<pad>", "</s>", "<unk>", "<mask>"], "<unk>")
    return transformers.XLMRobertaTokenizer(vocab=vocabulary), transformers.XLMRobertaConfig


def deberta_v3():
    vocabulary = unigram(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"], "[UNK]")
    return transformers.DebertaV2Tokenizer(vocab=vocabulary), transformers.DebertaV2Config


def modernbert():
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    tokenizer = byte_level(special)
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.decoder = decoders.ByteLevel()
    names = dict(
        zip(("unk_token", "cls_token", "sep_token", "pad_token", "mask_token"), special, strict=True)
    )
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **names
    ), transformers.ModernBertConfig


def mmbert():
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *(f"<0x{byte:02X}>" for byte in range(256))]
    # Gemma's pieces were learned on words with a mark for the space in front of them, none at the beginning.
    vocabulary, merges = parts(learned_bpe(pre_tokenizers.Metaspace(prepend_scheme="first"), special))
    return transformers.GemmaTokenizer(vocab=vocabulary, merges=merges), transformers.ModernBertConfig


def eurobert():
    special = ["<|begin_of_text|>", "<|end_of_text|>", "<|mask|>", "<|pad|>"]
    pieces = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(LLAMA_PIECES), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer = learned_bpe(pieces, special, pre_tokenizers.ByteLevel.alphabet())
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{special[0]} $A {special[1]}", special_tokens=[(special[0], 0), (special[1], 1)]
    )
    names = dict(zip(("bos_token", "eos_token", "mask_token", "pad_token"), special, strict=True))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **names
    ), transformers.EuroBertConfig


FAMILIES = [bert, roberta, longformer, xlm_roberta, deberta_v3, modernbert, mmbert, eurobert]
SPACE_OF_WORD = {
    "bert": "",
    "roberta": "Ġ",
    "longformer": "Ġ",
    "modernbert": "Ġ",
    "mmbert": "▁",
    "eurobert": "Ġ",
}
OPTIONS = {
    "deberta_v3": {
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_biased_input": False,
    },
    "longformer": {"attention_window": [8, 8]},
}


@pytest.fixture(scope="module", params=FAMILIES, ids=lambda family: family.__name__)
def family(request, tmp_path_factory):
    """Name and folder of a checkpoint, its weights in bfloat16."""
    tokenizer, kind = request.param()
    folder = tmp_path_factory.mktemp(request.param.__name__)
    tokenizer.model_max_length = 32
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    ids = {
        f"{name}_token_id": getattr(tokenizer, f"{name}_token_id")
        for name in ("pad", "bos", "eos", "cls", "sep")
    }
    config = kind(vocab_size=len(tokenizer), **SHAPE, **ids, **OPTIONS.get(request.param.__name__, {}))
    transformers.AutoModel.from_config(config).bfloat16().save_pretrained(folder)
    return request.param.__name__, str(folder)


def opened(folder, markers=False):
    tokenizer = load_tokenizer(folder, markers=markers)
    encoder = load_encoder(folder, len(tokenizer))
    return InputEncoder(tokenizer, ContextConfig(), encoder_limit(encoder, 512)), encoder


def sentence(*tokens):
    return Example("a", tokens, labels=("O",) * len(tokens))


TURING = sentence("In", "1942", "Turing", "met", "Ada", "at", "Bletchley", ",", "it", "'s", "said", ".")


def test_words_are_read_as_in_running_text(family):
    name, folder = family
    inputs, _ = opened(folder)
    (item,) = inputs.encode([TURING], None)
    tokenizer = inputs.tokenizer
    running = tokenizer(" " + " ".join(TURING.tokens), add_special_tokens=False)["input_ids"]
    assert item.input_ids == [tokenizer.cls_token_id, *running, tokenizer.sep_token_id]
    firsts = tokenizer.convert_ids_to_tokens([item.input_ids[place] for place in item.places])
    assert len(firsts) == len(TURING.tokens)
    # Words that the tokenizer was trained on are whole; SentencePiece may part them.
    if name in SPACE_OF_WORD:
        space = SPACE_OF_WORD[name]
        assert [firsts[place] for place in (2, 6)] == [f"{space}Turing", f"{space}Bletchley"]


def test_contexts_follow_the_sentence(family):
    _, folder = family
    inputs, _ = opened(folder)
    hits = {"a": [Hit(0, 1.0, "", "", "Turing worked", 1)]}
    ((with_evidence,), (alone,)) = inputs.encode([TURING], hits), inputs.encode([TURING], None)
    assert with_evidence.input_ids[: with_evidence.sentence_end] == alone.input_ids[:-1]
    worked = inputs.tokenizer(" worked", add_special_tokens=False)["input_ids"]
    assert with_evidence.input_ids[-1 - len(worked) : -1] == worked


def test_special_tokens_in_text_are_text_and_empty_words_keep_their_place(family):
    _, folder = family
    inputs, _ = opened(folder)
    tokenizer = inputs.tokenizer
    special = [tokenizer.cls_token, tokenizer.sep_token, tokenizer.mask_token, tokenizer.pad_token]
    (item,) = inputs.encode([sentence(*special)], None)
    for token in (tokenizer.mask_token_id, tokenizer.pad_token_id):
        assert token not in item.input_ids
    assert item.input_ids.count(tokenizer.sep_token_id) == item.input_ids.count(tokenizer.cls_token_id) == 1
    (item,) = inputs.encode([sentence("Ada", "", "Turing")], None)
    assert len(set(item.places)) == 3
    assert None not in item.input_ids


def test_markers_stand_around_subject_and_object(family):
    _, folder = family
    inputs, encoder = opened(folder, markers=True)
    example = Example("a", ("Turing", "met", "<S>", "Ada"), relation="r", subject=(3, 4), object=(0, 1))
    (item,) = inputs.encode([example], None)
    tokenizer = inputs.tokenizer
    found = [token for token in tokenizer.convert_ids_to_tokens(item.input_ids) if token in MARKERS]
    assert found == ["<O>", "</O>", "<S>", "</S>"]
    assert tokenizer.convert_ids_to_tokens([item.input_ids[place] for place in item.places]) == ["<S>", "<O>"]
    assert encoder.get_input_embeddings().num_embeddings >= len(tokenizer)


def test_the_longest_input_fits_and_one_more_is_refused(family):
    """The tokenizer's own `model_max_length` (32 here) is advice for other uses and cuts nothing."""
    name, folder = family
    inputs, encoder = opened(folder)
    assert inputs.limit == (62 if name in ("roberta", "longformer", "xlm_roberta") else 64)
    assert encoder_shape(folder).limit == inputs.limit
    room = inputs.limit - 2
    takes = {
        word: len(inputs.encode([sentence(word)], None)[0].input_ids) - 2 for word in ("Ada", "met", ".")
    }
    word = next(word for word, pieces in takes.items() if room % pieces == 0)
    words = [word] * (room // takes[word])
    (item,) = inputs.encode([sentence(*words)], None)
    assert len(item.input_ids) == inputs.limit
    ids = torch.tensor([item.input_ids])
    assert (
        encoder(input_ids=ids, attention_mask=torch.ones_like(ids, dtype=torch.bool))
        .last_hidden_state.isfinite()
        .all()
    )
    with pytest.raises(TrainingError, match="its sentence takes"):
        inputs.encode([sentence(*words, word)], None)


@pytest.mark.parametrize("kind", ["ner", "re"])
def test_an_expert_learns_is_saved_and_comes_back(family, kind, tmp_path):
    _, folder = family
    inputs, encoder = opened(folder, markers=kind == "re")
    task = Task(TagSet(("PER",), "bio") if kind == "ner" else RelationSet(("None", "met")))
    examples = [
        Example("a", ("Ada", "met", "Turing"), labels=("B-PER", "O", "B-PER")),
        Example("b", ("Turing", "worked", "in", "1942", "at", "Bletchley"), labels=("B-PER", *"OOOOO")),
    ]
    if kind == "re":
        examples = [
            Example(example.example_id, example.tokens, relation="met", subject=(0, 1), object=(2, 3))
            for example in examples
        ]
    model = task.build_model(encoder, FitConfig(dropout=0.0))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    tokenizer = inputs.tokenizer
    items = EncodedDataset(inputs.encode(examples, None), task.targets(examples, "train"))
    collate = Collator(tokenizer.pad_token_id, tokenizer.sep_token_id, both_views=True)
    model(**collate([items[0], items[1]]))["loss"].backward()
    # Longformer's global attention has weights of its own; no token asks for it.
    named = {name: part for name, part in model.named_parameters() if "_global." not in name}
    without = [name for name, part in named.items() if part.grad is None]
    assert not without, "parameters that take no part in the loss"
    expert = Expert(model.eval(), task, inputs, None, torch.device("cpu"), "float32")
    together, apart = expert.predict(examples, None, 2), expert.predict(examples, None, 1)
    torch.testing.assert_close(*(torch.from_numpy(found.probabilities) for found in (together, apart)))
    expert.save(tmp_path)
    again = load_expert(tmp_path, "cpu").predict(examples, None, 2)
    assert (again.probabilities == together.probabilities).all()


@pytest.mark.filterwarnings("error::FutureWarning")
def test_bfloat16_and_checkpointing_give_nearly_the_same_loss(family):
    _, folder = family
    inputs, encoder = opened(folder)
    task = Task(TagSet(("PER",), "bio"))
    examples = [Example("a", ("Ada", "met", "Turing"), labels=("B-PER", "O", "B-PER")), TURING]
    torch.manual_seed(0)
    model = task.build_model(encoder, FitConfig(dropout=0.0)).eval()
    items = EncodedDataset(inputs.encode(examples, None), task.targets(examples, "train"))
    collate = Collator(inputs.tokenizer.pad_token_id, inputs.tokenizer.sep_token_id, both_views=True)
    batch = collate([items[0], items[1]])
    exact = model(**batch)["loss"]
    checkpoint_activations(encoder)
    with torch.autocast("cpu", torch.bfloat16):
        rough = model.train()(**batch)["loss"]
    rough.backward()
    assert rough.dtype == torch.float32
    assert rough.item() == pytest.approx(exact.item(), rel=0.2)


def test_a_tokenizer_without_words_is_refused(tmp_path):
    """One whose pieces run across white space: words by themselves cannot be found in it."""
    names = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = learned_bpe(pre_tokenizers.Split("\n", "removed"), names)
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    ).save_pretrained(tmp_path)
    with pytest.raises(
        TrainingError, match=r"encoder\.name: the tokenizer of .* otherwise than running text"
    ):
        load_tokenizer(str(tmp_path), markers=False)


def test_a_model_that_reads_in_one_direction_is_refused(tmp_path):
    tokenizer = byte_level(["<|endoftext|>"])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>"
    ).save_pretrained(tmp_path)
    with pytest.raises(TrainingError, match=r"is no encoder with a fast tokenizer and tokens for both ends"):
        load_tokenizer(str(tmp_path), markers=False)
