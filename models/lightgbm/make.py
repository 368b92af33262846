"""Boosted trees of LightGBM, three classes, which handle missing values.

    PYTHONPATH=models python models/lightgbm/make.py

Made with lightgbm 4.7.0, onnxmltools 1.16.0, onnx 1.19.1, numpy 2.4.6, protobuf 6.33.6.
"""

import lightgbm
import students
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType

values, classes = students.students(3)
model = lightgbm.LGBMClassifier(n_estimators=12, num_leaves=15, random_state=0, verbose=-1).fit(values, classes)
kind = FloatTensorType([None, values.shape[1]])
onnx = convert_lightgbm(model, initial_types=[("input", kind)], target_opset=15)
samples, _ = students.students(3, 40, seed=2)
students.write(__file__, onnx.SerializeToString(), samples, model.predict_proba(samples))
