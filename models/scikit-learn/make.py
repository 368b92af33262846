"""A pipeline of scikit-learn: mean for missing cells, standardisation, logistic regression.

    PYTHONPATH=models python models/scikit-learn/make.py

Made with scikit-learn 1.9.1, skl2onnx 1.20.0, onnx 1.19.1, numpy 2.4.6, protobuf 6.33.6.
"""

import students
from skl2onnx import to_onnx
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

values, classes = students.students(2)
model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression()).fit(values, classes)
onnx = to_onnx(model, values[:1], target_opset={"": 17, "ai.onnx.ml": 3})
samples, _ = students.students(2, 40, seed=2)
students.write(__file__, onnx.SerializeToString(), samples, model.predict_proba(samples))
