import pytest

from nao_tf.child.images.macro import auxiliary_place, macro_of, macro_of_space, reductions


def test_reduction_cells_stand_before_the_second_and_third_part():
    for layers, places in {18: [6, 13], 15: [5, 11], 6: [2, 5]}.items():
        assert [index for index, reduction in enumerate(reductions(layers)) if reduction] == places
        assert auxiliary_place(layers) == places[1] + 1


def test_structures_are_those_of_the_authors_programs_and_unknown_ones_are_named():
    assert [macro_of_space(space) for space in ("nao", "enas", "a user's own")] == ["nao", "nao_ws", "nao_ws"]
    with pytest.raises(ValueError, match="known are nao, nao_ws"):
        macro_of("resnet")
