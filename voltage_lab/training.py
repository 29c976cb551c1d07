"""How a network is trained: batches in an order that is known, epochs that are watched."""

import numpy as np

from voltage_lab.messages import LabError


def make_batches(X, y, size, seed):
    """Return X and y in batches, in an order that depends on the seed and the epoch alone.

    Returns
    -------
    batches : tensorflow.data.Dataset
        Of ``(X, y)``, each of `size` samples; the last batch may be smaller.
    reorder : function
        ``reorder(epoch)`` puts the samples into the order of an epoch, counted from 0.
    """
    import tensorflow as tf

    inputs, targets = tf.constant(X, "float32"), tf.constant(y, "float32")
    order = tf.Variable(tf.range(len(X)), trainable=False)

    def reorder(epoch, logs=None):
        order.assign(np.random.default_rng([seed, epoch]).permutation(len(X)))

    def take(number):
        chosen = order[number * size : (number + 1) * size]
        return tf.gather(inputs, chosen), tf.gather(targets, chosen)

    options = tf.data.Options()
    options.autotune.enabled = False  # to tune itself in every epoch takes longer than the epoch
    batches = tf.data.Dataset.range(-(-len(X) // size), output_type="int32").map(take)
    return batches.with_options(options), reorder


def run_epochs(model, X, y, epochs, batch, seed, completed=0, end_epoch=None):
    """Train a compiled network up to so many epochs; `completed` ones are not repeated.

    Parameters
    ----------
    end_epoch : function, optional
        Called with the epoch, from 0, and its losses (dict, V).

    Raises
    ------
    LabError
        If the loss is no longer a number: it would not become one again.
    """
    import keras

    def check_loss(epoch, logs):
        if not np.isfinite(logs["loss"]):
            given = f"epoch {epoch + 1}: the loss is {logs['loss']}"
            remedy = "try another seed, fewer neurons, or data without extreme voltages"
            raise LabError(f"{given}; {remedy}")
        if end_epoch:
            end_epoch(epoch, logs)

    model.optimizer.build(model.trainable_variables)  # first, or TensorFlow traces a step twice
    batches, reorder = make_batches(X, y, batch, seed)
    callback = keras.callbacks.LambdaCallback(on_epoch_begin=reorder, on_epoch_end=check_loss)
    model.fit(
        batches,
        epochs=epochs,
        initial_epoch=completed,
        shuffle=False,
        verbose=0,
        callbacks=[callback],
    )
