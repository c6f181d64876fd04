"""Write `bot/common_words.txt`: frequent English words, most frequent first, for the judge.

    python -m eval.common_words

The order is that of the encoder's own WordPiece vocabulary (bert-base-uncased, Apache-2.0), which was made by
frequency: a word high in the list says little by being new to a text, a word that is not in it says much.
"""

from __future__ import annotations

from bot.words import COMMON_WORDS
from index.encode import load_encoder

COUNT = 6000


def main() -> None:
    """Take the first whole words of the vocabulary."""
    vocabulary: dict[str, int] = load_encoder().model.tokenizer.get_vocab()
    ordered = sorted(vocabulary, key=vocabulary.__getitem__)
    words = [w for w in ordered if len(w) > 1 and w.isascii() and w.isalpha()][:COUNT]
    COMMON_WORDS.write_text("\n".join(words) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
