from clip_plugins.datasets.ov_shapes import sample_scene
from clip_plugins.datasets.ov_shapes.captions import captions, grounded, listed, relation_of, with_article
from clip_plugins.datasets.ov_shapes.scene import Layout, image_ids
from clip_plugins.datasets.ov_shapes.truth import VisibleObject, visible_objects


def thing(name: str, x: float, y: float) -> VisibleObject:
    colour, noun = name.split()
    return VisibleObject(name, colour, noun, (x - 5, y - 5, 10, 10), (), 100.0, 1.0)


def pairs_of(split: str, number: int) -> list:
    scene = sample_scene(split, number)
    layout = Layout(scene.objects)
    return captions(scene, visible_objects(scene, layout), layout)


def test_articles_and_lists():
    assert with_article("orange key") == "an orange key"
    assert with_article("red key") == "a red key"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(["a"]) == "a"


def test_relations_say_where_the_first_lies():
    star, ring = thing("red star", 20, 50), thing("green ring", 80, 60)
    assert relation_of([star, ring]) == "a red star left of a green ring"
    assert relation_of([ring, star]) == "a green ring right of a red star"
    assert relation_of([star, thing("blue key", 25, 120)]) == "a red star above a blue key"
    assert relation_of([star, thing("blue key", 25, 10)]) == "a red star below a blue key"


def test_no_relation_between_neighbours_or_like_names():
    star = thing("red star", 20, 50)
    assert relation_of([star, thing("blue key", 28, 55)]) is None
    assert relation_of([star, thing("red star", 90, 50)]) is None


def test_phrases_stand_where_the_caption_says():
    objects = [thing("red star", 20, 50), thing("orange key", 80, 60), thing("red star", 100, 100)]
    caption, regions = grounded(objects)
    assert caption == "a red star, an orange key"
    assert [len(region["bbox"]) for region in regions] == [2, 1]
    for region in regions:
        ((start, end),) = region["tokens_positive"]
        assert caption[start:end] == region["phrase"]
    assert regions[1]["bbox"] == [[75, 55, 85, 65]]


def test_nothing_to_name_gives_an_empty_caption():
    assert grounded([]) == ("", [])


def test_every_object_of_a_scene_has_its_own_pair():
    for number in image_ids("captions", 20):
        scene = sample_scene("captions", number)
        pairs = pairs_of("captions", number)
        crops = [pair for pair in pairs if pair.kind in ("object", "sketch")]
        wanted = [o.noun if scene.sketch else o.name for o in scene.objects]
        assert [pair.name for pair in crops] == wanted
        assert pairs[0].kind == ("drawing" if scene.sketch else "scene")
        assert pairs[0].box is None


def test_drawings_are_called_sketches_without_a_colour():
    scene = sample_scene("drawings", 40000001)
    noun = scene.objects[0].noun
    assert {pair.text for pair in pairs_of("drawings", 40000001)} == {f"a sketch of {with_article(noun)}"}
