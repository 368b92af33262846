"""A network of Keras with one sigmoid at its end: the probability of the second of two classes.

    PYTHONPATH=models python models/keras/make.py

Made with keras 3.15.1, tensorflow-cpu 2.21.0, tf2onnx 1.17.0, onnx 1.23.2, numpy 2.4.6.
"""

import pathlib
import tempfile

import keras
import numpy
import students

keras.utils.set_random_seed(0)
values, classes = students.students(2)
# It cannot handle missing values: training and prediction replace them by zeros.
known = numpy.nan_to_num(values, nan=0.0)
layers = keras.layers
model = keras.Sequential([
    keras.Input((values.shape[1],)),
    layers.Dense(12, activation="tanh"),
    layers.Dropout(0.1),
    layers.BatchNormalization(),
    layers.Dense(6, activation="elu"),
    layers.Dense(1, activation="sigmoid"),
])
model.compile("adam", "binary_crossentropy")
model.fit(known, classes, epochs=15, verbose=0)
with tempfile.TemporaryDirectory() as directory:
    file = pathlib.Path(directory) / "model.onnx"
    model.export(file, format="onnx", verbose=False)
    onnx = file.read_bytes()
samples, _ = students.students(2, 40, seed=2)
second = model.predict(numpy.nan_to_num(samples, nan=0.0), verbose=0).astype(float)
students.write(__file__, onnx, samples, numpy.hstack([1 - second, second]))
