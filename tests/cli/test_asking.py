import pytest

from clip_plugins.cli import Asked
from clip_plugins.errors import ConfigError


def test_pictures_of_one_name_are_put_together():
    asked = Asked(exemplars=["mug=a.jpg, b.jpg", "red star=c.png", "mug=d.png"])
    assert asked.pictures() == {"mug": ["a.jpg", "b.jpg", "d.png"], "red star": ["c.png"]}


@pytest.mark.parametrize("option", ["mug", "mug=", "=a.jpg", "mug= , "])
def test_what_isnt_name_and_picture_is_refused(option):
    with pytest.raises(ConfigError, match="write \"NAME=PICTURE,PICTURE\""):
        Asked(exemplars=[option]).pictures()


def test_pictures_add_names_to_texts_and_make_names_without():
    both = Asked("cup, plate", ["mug=a.jpg", "cup=b.jpg"], 1.0).vocabulary()
    assert both.names == ("cup", "plate", "mug") and both.exemplars == (("b.jpg",), (), ("a.jpg",))
    assert both.exemplar_weight == 1.0
    assert Asked(exemplars=["mug=a.jpg"]).vocabulary().names == ("mug",)


def test_the_given_names_stand_where_there_are_no_texts():
    assert Asked().vocabulary(["a"]).names == ("a",) and Asked("b").vocabulary(["a"]).names == ("b",)


def test_asking_for_nothing_gives_nothing():
    assert Asked().is_empty and Asked().vocabulary() is None
    assert not Asked(exemplar_weight=1.0).is_empty
    asked = Asked("a")
    assert Asked.of(asked) is asked and Asked.of("a") == asked
