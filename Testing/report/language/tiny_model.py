"""A language model of some hundred kilobytes, made here: it speaks fluent nonsense. For a real server to load.

A llama-type GGUF with random weights and its own vocabulary of characters and some words. So that an answer ends, the words are
chained: the output weights make each word follow another in one random cycle that passes the quotation mark.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import numpy as np

WIDTH, HEADS, INNER, CONTEXT, SEED = 256, 4, 64, 32768, 17
WORDS = [
    "▁glioma", "▁left", "▁right", "▁bilateral", "▁-1", "▁ml", "▁malignant", "▁the", "▁lesion", "▁lies", "▁score", "▁0.5",
    "▁region", "▁because", "▁meningioma", "▁is", "▁of", "▁confirmed",
]  # fmt: skip
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6  # token types of GGUF


def vocabulary() -> tuple[list[str], list[float], list[int]]:
    tokens, types = ["<unk>", "<s>", "</s>"], [UNKNOWN, CONTROL, CONTROL]
    tokens += [f"<0x{byte:02X}>" for byte in range(256)]
    types += [BYTE] * 256
    characters = [chr(code) for code in range(33, 127)] + ["▁"]
    tokens += characters + WORDS
    types += [NORMAL] * (len(characters) + len(WORDS))
    return tokens, [0.0 if kind != NORMAL else -1.0 for kind in types], types


def weights(tokens: list[str]) -> dict[str, np.ndarray]:
    """float32, as GGUF wants them: (out, in). The first row of each pair that is chained points at the second."""
    rng = np.random.default_rng(SEED)

    def noise(*shape: int) -> np.ndarray:
        return (0.01 * rng.standard_normal(shape)).astype(np.float32)

    embedding = rng.standard_normal((len(tokens), WIDTH)).astype(np.float32)
    output = noise(len(tokens), WIDTH)
    chain = WORDS.copy()
    random.Random(SEED).shuffle(chain)
    chain = ['"', *chain]
    for one, other in zip(chain, chain[1:] + chain[:1], strict=True):
        output[tokens.index(other)] += embedding[tokens.index(one)]
    for one, other, weight in (("[", "{", 1.0), ("[", '"', 0.5), ("}", "]", 0.5), ('"', "]", 0.5)):
        # A list has an item, and then ends.
        output[tokens.index(other)] += weight * embedding[tokens.index(one)]
    return {
        "token_embd.weight": embedding,
        "output.weight": output,
        "output_norm.weight": np.ones(WIDTH, np.float32),
        "blk.0.attn_norm.weight": np.ones(WIDTH, np.float32),
        "blk.0.ffn_norm.weight": np.ones(WIDTH, np.float32),
        **{f"blk.0.attn_{part}.weight": noise(WIDTH, WIDTH) for part in ("q", "k", "v", "output")},
        "blk.0.ffn_gate.weight": noise(INNER, WIDTH),
        "blk.0.ffn_up.weight": noise(INNER, WIDTH),
        "blk.0.ffn_down.weight": noise(WIDTH, INNER),
    }


def write(path: Path) -> Path:
    """The model as a GGUF file."""
    from gguf import GGUFWriter

    tokens, scores, types = vocabulary()
    writer = GGUFWriter(str(path), "llama")
    writer.add_name("tiny nonsense")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(1)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    for name, array in weights(tokens).items():
        writer.add_tensor(name, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


if __name__ == "__main__":
    write(Path(sys.argv[1]))
