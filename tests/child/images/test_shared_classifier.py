import numpy as np
import tensorflow as tf
from nao_tf.child.images.shared_classifier import SharedImageClassifier

from nao_tf.architecture import ConvolutionalSpace


def test_rows_of_other_operations_get_no_gradient():
    model = SharedImageClassifier("enas", classes=3, filters=4, layers=1, image_shape=[8, 8, 1])
    model.build()
    architecture = tf.constant(ConvolutionalSpace("enas").published["NAO-WS"])
    images = np.random.default_rng(0).integers(0, 256, [4, 8, 8, 1])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.sin(model(images, architecture=architecture)))
    gradients = tape.gradient(loss, [table.value for table in model.tables])
    for gradient, rows in zip(gradients, model.rows(architecture), strict=True):
        dense = tf.convert_to_tensor(gradient).numpy()
        assert set(np.flatnonzero(np.abs(dense).sum(1))) <= set(rows.numpy())
