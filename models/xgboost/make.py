"""Boosted trees of XGBoost, two classes, which handle missing values.

    PYTHONPATH=models python models/xgboost/make.py

Made with xgboost-cpu 3.2.0, onnxmltools 1.16.0, onnx 1.19.1, numpy 2.4.6, protobuf 6.33.6.
"""

import students
import xgboost
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

values, classes = students.students(2)
model = xgboost.XGBClassifier(n_estimators=20, max_depth=4, random_state=0).fit(values, classes)
kind = FloatTensorType([None, values.shape[1]])
onnx = convert_xgboost(model, initial_types=[("input", kind)], target_opset=15)
samples, _ = students.students(2, 40, seed=2)
students.write(__file__, onnx.SerializeToString(), samples, model.predict_proba(samples))
