"""The file that says what an exported model was trained on."""

from nao_tf.serving import training_data


def test_the_fingerprint_is_kept(tmp_path):
    assert training_data.read(tmp_path) is None
    training_data.write(tmp_path, "0123")
    assert training_data.read(tmp_path) == "0123"


def test_what_somebody_else_wrote_says_nothing(tmp_path):
    path = tmp_path / training_data.FILE
    path.parent.mkdir()
    for content in ("", "[]", "1", '{"fingerprint": 3}', "{"):
        path.write_text(content)
        assert training_data.read(tmp_path) is None
