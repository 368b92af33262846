//! The operators of other tools' models that can be translated.
//!
//! Owns the one table of them, from which the graph walk dispatches: a new operator is one name here and one
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

/// The translation of an operator, by the kind of its result.
#[derive(Clone, Copy)]
pub(crate) enum Rule {
    /// One value that the translated graph computes.
    Computed(fn(&mut Translator<'_>, Node<'_>) -> Result<Computed>),
    /// A label, which no other node may read, and scores.
    Scores(fn(&mut Translator<'_>, Node<'_>) -> Result<Computed>),
    /// One value, constant or computed.
    Value(fn(&mut Translator<'_>, Node<'_>) -> Result<Value>),
    /// Several values.
    Values(fn(&mut Translator<'_>, Node<'_>) -> Result<Vec<Value>>),
}

impl Rule {
    /// The outputs of a node; `None` for one that no other node may read.
    pub(crate) fn translate(
        self,
        translator: &mut Translator<'_>,
        node: Node<'_>,
    ) -> Result<Vec<Option<Value>>> {
        let computed = |value| Some(Value::Computed(value));
        Ok(match self {
            Self::Computed(rule) => vec![computed(rule(translator, node)?)],
            Self::Scores(rule) => vec![None, computed(rule(translator, node)?)],
            Self::Value(rule) => vec![Some(rule(translator, node)?)],
            Self::Values(rule) => rule(translator, node)?.into_iter().map(Some).collect(),
        })
    }
}

/// The rule of an operator; `None` when it is not supported.
pub(crate) fn find(domain: &str, op_type: &str) -> Option<Rule> {
    match domain {
        CORE => core(op_type),
        ML => ml(op_type),
        _ => None,
    }
}

fn core(op_type: &str) -> Option<Rule> {
    Some(match op_type {
        "Abs" | "Cos" | "Erf" | "Exp" | "Floor" | "Log" | "Relu" | "Sigmoid" | "Sqrt" | "Tanh" => {
            Rule::Computed(elementwise::unary)
        }
        "Add" | "Div" | "Max" | "Mean" | "Min" | "Mul" | "Sub" | "Sum" => {
            Rule::Computed(elementwise::arithmetic)
        }
        "And" | "Not" | "Or" | "Xor" => Rule::Computed(elementwise::logic),
        "BatchNormalization" => Rule::Computed(elementwise::batch_normalization),
        "Clip" => Rule::Computed(elementwise::clip),
        "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" => {
            Rule::Computed(elementwise::comparison)
        }
        "Gemm" => Rule::Computed(elementwise::gemm),
        "IsNaN" => Rule::Computed(elementwise::is_nan),
        "LayerNormalization" => Rule::Computed(elementwise::layer_normalization),
        "LpNormalization" => Rule::Computed(elementwise::lp_normalization),
        "MatMul" => Rule::Computed(elementwise::mat_mul),
        "Neg" => Rule::Computed(elementwise::negative),
        "Pow" => Rule::Computed(elementwise::power),
        "Reciprocal" => Rule::Computed(elementwise::reciprocal),
        "Where" => Rule::Computed(elementwise::choose),
        "Celu" => Rule::Computed(activations::celu),
        "Elu" => Rule::Computed(activations::elu),
        "Gelu" => Rule::Computed(activations::gelu),
        "HardSigmoid" => Rule::Computed(activations::hard_sigmoid),
        "HardSwish" => Rule::Computed(activations::hard_swish),
        "LeakyRelu" => Rule::Computed(activations::leaky_relu),
        "Mish" => Rule::Computed(activations::mish),
        "PRelu" => Rule::Computed(activations::p_relu),
        "Selu" => Rule::Computed(activations::selu),
        "Softplus" => Rule::Computed(activations::softplus),
        "Softsign" => Rule::Computed(activations::softsign),
        "Swish" => Rule::Computed(activations::swish),
        "ThresholdedRelu" => Rule::Computed(activations::thresholded_relu),
        "ArgMax" | "ArgMin" => Rule::Computed(reduce::arg_max),
        "LogSoftmax" | "Softmax" => Rule::Computed(reduce::softmax),
        "ReduceL1" | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceMax" | "ReduceMean"
        | "ReduceMin" | "ReduceProd" | "ReduceSum" | "ReduceSumSquare" => Rule::Computed(reduce::reduce),
        "Cast" => Rule::Value(movement::cast),
        "Concat" => Rule::Value(movement::concat),
        "Constant" => Rule::Value(movement::constant),
        "Dropout" | "Identity" => Rule::Value(movement::identity),
        "Gather" => Rule::Value(movement::gather),
        "Slice" => Rule::Value(movement::slice),
        "Split" => Rule::Values(movement::split),
        "Transpose" => Rule::Value(movement::transpose),
        "ConstantOfShape" => Rule::Value(shape_ops::constant_of_shape),
        "Expand" => Rule::Value(shape_ops::expand),
        "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => Rule::Value(shape_ops::reshape),
        "Shape" => Rule::Value(shape_ops::shape),
        _ => return None,
    })
}

fn ml(op_type: &str) -> Option<Rule> {
    Some(match op_type {
        "ArrayFeatureExtractor" => Rule::Computed(ml_ops::extract),
        "Binarizer" => Rule::Computed(ml_ops::binarizer),
        "FeatureVectorizer" => Rule::Computed(ml_ops::feature_vectorizer),
        "Imputer" => Rule::Computed(ml_ops::imputer),
        "LabelEncoder" => Rule::Computed(ml_ops::label_encoder),
        "LinearClassifier" => Rule::Scores(ml_ops::linear_classifier),
        "LinearRegressor" => Rule::Computed(ml_ops::linear_regressor),
        "Normalizer" => Rule::Computed(ml_ops::normalizer),
        "OneHotEncoder" => Rule::Computed(ml_ops::one_hot),
        "Scaler" => Rule::Computed(ml_ops::scaler),
        "ZipMap" => Rule::Value(movement::identity),
        "TreeEnsembleClassifier" => Rule::Scores(trees::classifier),
        "TreeEnsembleRegressor" => Rule::Computed(trees::regressor),
        _ => return None,
    })
}
