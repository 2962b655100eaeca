import pytest

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.architecture.published_cells import published_cells
from nao_tf.child.images import operations
from nao_tf.child.images.macro import (
    MACRO_OF_CELLS,
    MACROS,
    STEMS,
    auxiliary_place,
    macro_of,
    macro_of_space,
    published_macro,
    reductions,
    stem_of,
)


def test_reduction_cells_stand_before_the_second_and_third_part():
    for layers, places in {18: [6, 13], 15: [5, 11], 6: [2, 5]}.items():
        assert [index for index, reduction in enumerate(reductions(layers)) if reduction] == places
        assert auxiliary_place(layers) == places[1] + 1
        assert auxiliary_place(layers, 0) == places[1]


def test_structures_are_those_of_the_authors_programs_and_unknown_ones_are_named():
    assert [macro_of_space(space) for space in ("nao", "enas", "a user's own")] == ["nao", "nao_ws", "nao_ws"]
    with pytest.raises(ValueError, match="known are nao, nao_ws, nao_pytorch"):
        macro_of("resnet")
    with pytest.raises(ValueError, match="stem 'none'; known are cifar, imagenet"):
        stem_of("none")
    assert {structure.halving for structure in MACROS.values()} == set(operations.HALVINGS)


def test_published_networks_have_the_structure_they_were_published_with():
    nao, enas = (ConvolutionalSpace(name) for name in ("nao", "enas"))
    assert published_macro(nao.parse("NAONet")) == "nao" and published_macro(enas.parse("NAO-WS")) == "nao_ws"
    assert [published_macro(space.parse(name)) for space, name in ((nao, "NAONet-A"), (enas, "NAONet-B"))] == [
        "nao_pytorch"
    ] * 2
    integers = " ".join(map(str, enas.parse("NAONet-V2").values))
    assert published_macro(enas.parse(integers)) == "nao_pytorch"  # however it is written
    assert set(MACRO_OF_CELLS) <= set(published_cells())


def test_stems_of_the_two_sizes_of_images():
    (only,) = STEMS["cifar"].convolutions
    assert (only.channels(36), only.stride) == (108, 1)
    assert [(each.channels(43), each.stride) for each in STEMS["imagenet"].convolutions] == [(21, 2), (43, 2), (43, 2)]
