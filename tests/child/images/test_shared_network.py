import numpy as np
import tensorflow as tf
from by_hand import floats

from nao_tf.architecture import ConvolutionalSpace
from nao_tf.child.images.shared_network import SharedNetwork

SPACE = ConvolutionalSpace("enas")
ARCHITECTURE = tf.constant(SPACE.published["NAO-WS"])


def test_the_rows_of_an_architecture_get_a_gradient_and_all_others_none():
    network = SharedNetwork(SPACE.operations, 4, layers=1)
    network.build((None, 8, 8, 3))
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(network(tf.constant(floats(4, 8, 8, 3)), architecture=ARCHITECTURE)))
    gradients = tape.gradient(loss, [table.value for table in network.tables])
    placeholders = [table.shape[0] - 1 for table in network.tables]  # the row of operations without weights
    for gradient, rows, placeholder in zip(gradients, network.rows(ARCHITECTURE), placeholders, strict=True):
        touched = set(np.flatnonzero(np.abs(tf.convert_to_tensor(gradient).numpy()).sum(1)))
        assert touched == set(rows.numpy()) - {placeholder}
        assert touched
