"""No name, help text, message or page uses a word that mien does not use: see tests/words.py."""

from tests.words import findings, help_texts, in_name, in_prose


def test_no_file_uses_such_a_word():
    found = findings([])
    assert not found, "\n".join(map(str, found))


def test_no_help_text_uses_such_a_word():
    found = list(help_texts())
    assert not found, "\n".join(map(str, found))


def test_the_search_finds_words_in_names_and_prose():
    assert [name for name, _ in in_name("detector_looks")] == ["detector_looks"]
    assert [name for name, _ in in_name("SinkOutlet")] == ["SinkOutlet"]
    assert not list(in_name("lookup"))
    assert [word for _, word, _ in in_prose("A frame is told so many times; the behaviour is quantised.")] == [
        "so many", "told", "quantised", "behaviour",
    ]  # fmt: skip
    assert not list(in_prose("The detector runs on every frame, and reports its faces."))
