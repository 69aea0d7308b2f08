from cxrmlops.data.placement import Placement, fitted, placed


def test_a_film_is_centred_with_its_longest_side_from_edge_to_edge():
    assert placed(300, 600, size=100) == Placement(25, 0, 50, 100, 100, 300, 600)
    assert placed(600, 300, size=100) == Placement(0, 25, 100, 50, 100, 600, 300)


def test_an_odd_pixel_of_padding_lies_below_and_right():
    place = placed(97, 100, size=100)

    assert (place.top, place.height) == (1, 97)  # two rows below


def test_the_narrowest_film_keeps_a_pixel():
    assert fitted(1, 5000, 64) == (1, 64)


def test_a_placement_is_read_as_it_was_written():
    place = placed(123, 456, size=128)

    assert Placement.from_json(place.to_json()) == place
