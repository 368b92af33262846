//! The operators of other tools' models that can be translated.
//!
//! Owns the one table of them, from which the graph walk dispatches: a new operator is one entry here and one
//! function. Must not know how a graph is walked.

use super::error::Result;
use super::node::Node;
use super::translator::Translator;
use super::value::{Computed, Value};
use super::{activations, elementwise, ml_ops, movement, reduce, shape_ops, trees};

/// The domain of the operators that every ONNX file may use.
const CORE: &str = "";
/// The domain of classical machine learning.
const ML: &str = "ai.onnx.ml";

/// How an operator is translated, by what it gives.
#[derive(Clone, Copy)]
enum Rule {
    /// One value that the translated graph computes.
    Computed(fn(&mut Translator<'_>, Node<'_>) -> Result<Computed>),
    /// A label, which no other node may read, and scores.
    Scores(fn(&mut Translator<'_>, Node<'_>) -> Result<Computed>),
    /// One value, constant or computed.
    Value(fn(&mut Translator<'_>, Node<'_>) -> Result<Value>),
    /// Several values.
    Values(fn(&mut Translator<'_>, Node<'_>) -> Result<Vec<Value>>),
}

/// An operator that can be translated.
pub(crate) struct Operator {
    domain: &'static str,
    op_type: &'static str,
    rule: Rule,
}

impl Operator {
    /// The outputs of a node; `None` for one that no other node may read.
    pub(crate) fn translate(
        &self,
        translator: &mut Translator<'_>,
        node: Node<'_>,
    ) -> Result<Vec<Option<Value>>> {
        let computed = |value| Some(Value::Computed(value));
        Ok(match self.rule {
            Rule::Computed(rule) => vec![computed(rule(translator, node)?)],
            Rule::Scores(rule) => vec![None, computed(rule(translator, node)?)],
            Rule::Value(rule) => vec![Some(rule(translator, node)?)],
            Rule::Values(rule) => rule(translator, node)?.into_iter().map(Some).collect(),
        })
    }
}

const fn core(op_type: &'static str, rule: Rule) -> Operator {
    Operator { domain: CORE, op_type, rule }
}

const fn ml(op_type: &'static str, rule: Rule) -> Operator {
    Operator { domain: ML, op_type, rule }
}

/// The table, by file of its functions.
static OPERATORS: &[Operator] = &[
    core("Abs", Rule::Computed(elementwise::unary)),
    core("Add", Rule::Computed(elementwise::arithmetic)),
    core("And", Rule::Computed(elementwise::logic)),
    core("BatchNormalization", Rule::Computed(elementwise::batch_normalization)),
    core("Clip", Rule::Computed(elementwise::clip)),
    core("Cos", Rule::Computed(elementwise::unary)),
    core("Div", Rule::Computed(elementwise::arithmetic)),
    core("Equal", Rule::Computed(elementwise::comparison)),
    core("Erf", Rule::Computed(elementwise::unary)),
    core("Exp", Rule::Computed(elementwise::unary)),
    core("Floor", Rule::Computed(elementwise::unary)),
    core("Gemm", Rule::Computed(elementwise::gemm)),
    core("Greater", Rule::Computed(elementwise::comparison)),
    core("GreaterOrEqual", Rule::Computed(elementwise::comparison)),
    core("IsNaN", Rule::Computed(elementwise::is_nan)),
    core("LayerNormalization", Rule::Computed(elementwise::layer_normalization)),
    core("Less", Rule::Computed(elementwise::comparison)),
    core("LessOrEqual", Rule::Computed(elementwise::comparison)),
    core("Log", Rule::Computed(elementwise::unary)),
    core("LpNormalization", Rule::Computed(elementwise::lp_normalization)),
    core("MatMul", Rule::Computed(elementwise::mat_mul)),
    core("Max", Rule::Computed(elementwise::arithmetic)),
    core("Mean", Rule::Computed(elementwise::arithmetic)),
    core("Min", Rule::Computed(elementwise::arithmetic)),
    core("Mul", Rule::Computed(elementwise::arithmetic)),
    core("Neg", Rule::Computed(elementwise::negative)),
    core("Not", Rule::Computed(elementwise::logic)),
    core("Or", Rule::Computed(elementwise::logic)),
    core("Pow", Rule::Computed(elementwise::power)),
    core("Reciprocal", Rule::Computed(elementwise::reciprocal)),
    core("Relu", Rule::Computed(elementwise::unary)),
    core("Sigmoid", Rule::Computed(elementwise::unary)),
    core("Sqrt", Rule::Computed(elementwise::unary)),
    core("Sub", Rule::Computed(elementwise::arithmetic)),
    core("Sum", Rule::Computed(elementwise::arithmetic)),
    core("Tanh", Rule::Computed(elementwise::unary)),
    core("Where", Rule::Computed(elementwise::choose)),
    core("Xor", Rule::Computed(elementwise::logic)),
    core("Celu", Rule::Computed(activations::celu)),
    core("Elu", Rule::Computed(activations::elu)),
    core("Gelu", Rule::Computed(activations::gelu)),
    core("HardSigmoid", Rule::Computed(activations::hard_sigmoid)),
    core("HardSwish", Rule::Computed(activations::hard_swish)),
    core("LeakyRelu", Rule::Computed(activations::leaky_relu)),
    core("Mish", Rule::Computed(activations::mish)),
    core("PRelu", Rule::Computed(activations::p_relu)),
    core("Selu", Rule::Computed(activations::selu)),
    core("Softplus", Rule::Computed(activations::softplus)),
    core("Softsign", Rule::Computed(activations::softsign)),
    core("Swish", Rule::Computed(activations::swish)),
    core("ThresholdedRelu", Rule::Computed(activations::thresholded_relu)),
    core("ArgMax", Rule::Computed(reduce::arg_max)),
    core("ArgMin", Rule::Computed(reduce::arg_max)),
    core("LogSoftmax", Rule::Computed(reduce::softmax)),
    core("ReduceL1", Rule::Computed(reduce::reduce)),
    core("ReduceL2", Rule::Computed(reduce::reduce)),
    core("ReduceLogSum", Rule::Computed(reduce::reduce)),
    core("ReduceLogSumExp", Rule::Computed(reduce::reduce)),
    core("ReduceMax", Rule::Computed(reduce::reduce)),
    core("ReduceMean", Rule::Computed(reduce::reduce)),
    core("ReduceMin", Rule::Computed(reduce::reduce)),
    core("ReduceProd", Rule::Computed(reduce::reduce)),
    core("ReduceSum", Rule::Computed(reduce::reduce)),
    core("ReduceSumSquare", Rule::Computed(reduce::reduce)),
    core("Softmax", Rule::Computed(reduce::softmax)),
    core("Cast", Rule::Value(movement::cast)),
    core("Concat", Rule::Value(movement::concat)),
    core("Constant", Rule::Value(movement::constant)),
    core("Dropout", Rule::Value(movement::identity)),
    core("Gather", Rule::Value(movement::gather)),
    core("Identity", Rule::Value(movement::identity)),
    core("Slice", Rule::Value(movement::slice)),
    core("Split", Rule::Values(movement::split)),
    core("Transpose", Rule::Value(movement::transpose)),
    core("ConstantOfShape", Rule::Value(shape_ops::constant_of_shape)),
    core("Expand", Rule::Value(shape_ops::expand)),
    core("Flatten", Rule::Value(shape_ops::reshape)),
    core("Reshape", Rule::Value(shape_ops::reshape)),
    core("Shape", Rule::Value(shape_ops::shape)),
    core("Squeeze", Rule::Value(shape_ops::reshape)),
    core("Unsqueeze", Rule::Value(shape_ops::reshape)),
    ml("ArrayFeatureExtractor", Rule::Computed(ml_ops::extract)),
    ml("Binarizer", Rule::Computed(ml_ops::binarizer)),
    ml("FeatureVectorizer", Rule::Computed(ml_ops::feature_vectorizer)),
    ml("Imputer", Rule::Computed(ml_ops::imputer)),
    ml("LabelEncoder", Rule::Computed(ml_ops::label_encoder)),
    ml("LinearClassifier", Rule::Scores(ml_ops::linear_classifier)),
    ml("LinearRegressor", Rule::Computed(ml_ops::linear_regressor)),
    ml("Normalizer", Rule::Computed(ml_ops::normalizer)),
    ml("OneHotEncoder", Rule::Computed(ml_ops::one_hot)),
    ml("Scaler", Rule::Computed(ml_ops::scaler)),
    ml("ZipMap", Rule::Value(movement::identity)),
    ml("TreeEnsembleClassifier", Rule::Scores(trees::classifier)),
    ml("TreeEnsembleRegressor", Rule::Computed(trees::regressor)),
];

/// The operator of a domain and type.
pub(crate) fn find(domain: &str, op_type: &str) -> Option<&'static Operator> {
    OPERATORS.iter().find(|operator| operator.op_type == op_type && operator.domain == domain)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_operator_stands_in_the_table_once() {
        let mut seen = HashSet::new();
        for operator in OPERATORS {
            assert!(seen.insert((operator.domain, operator.op_type)), "{}", operator.op_type);
        }
        assert!(find(CORE, "Loop").is_none() && find(ML, "Add").is_none());
    }
}
