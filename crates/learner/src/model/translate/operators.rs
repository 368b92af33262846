//! The operators of other tools' models that can be translated.
//!
//! Owns the list of them, from which the graph walk dispatches: a new operator is one name here and one function. The
//! operators that they are translated to have their own table, `model/operators/mod.rs`. Must not know how a graph is walked.

use super::builder::Builder;
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
    /// One value that the translated graph computes from one input.
    One(fn(&mut Builder, Node<'_>, &Computed) -> Result<Computed>),
    /// The same from two inputs.
    Two(fn(&mut Builder, Node<'_>, &Computed, &Computed) -> Result<Computed>),
    /// One value that the translated graph computes from any inputs.
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
            Self::One(rule) => {
                let x = translator.computed(node, 0)?;
                vec![computed(rule(&mut translator.builder, node, &x)?)]
            }
            Self::Two(rule) => {
                let (a, b) = (translator.computed(node, 0)?, translator.computed(node, 1)?);
                vec![computed(rule(&mut translator.builder, node, &a, &b)?)]
            }
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
            Rule::One(|builder, node, x| builder.unary(&node.proto.op_type, x))
        }
        "Add" | "Div" | "Max" | "Mean" | "Min" | "Mul" | "Sub" | "Sum" => {
            Rule::Computed(elementwise::arithmetic)
        }
        "And" | "Or" | "Xor" => Rule::Two(elementwise::logic),
        "BatchNormalization" => Rule::Computed(elementwise::batch_normalization),
        "Clip" => Rule::Computed(elementwise::clip),
        "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" => Rule::Two(elementwise::comparison),
        "Gemm" => Rule::Computed(elementwise::gemm),
        "IsNaN" => Rule::One(|builder, _, x| builder.is_missing(x)),
        "LayerNormalization" => Rule::Computed(elementwise::layer_normalization),
        "LpNormalization" => Rule::One(elementwise::lp_normalization),
        "MatMul" => Rule::Two(|builder, _, a, b| builder.mat_mul(a, b)),
        "Neg" => Rule::One(elementwise::negative),
        "Not" => Rule::One(|builder, _, flag| builder.not(flag)),
        "Pow" => Rule::Computed(elementwise::power),
        "Reciprocal" => Rule::One(elementwise::reciprocal),
        "Where" => Rule::Computed(elementwise::choose),
        "Celu" => Rule::One(activations::celu),
        "Elu" => Rule::One(activations::elu),
        "Gelu" => Rule::One(activations::gelu),
        "HardSigmoid" => Rule::One(activations::hard_sigmoid),
        "HardSwish" => Rule::One(activations::hard_swish),
        "LeakyRelu" => Rule::One(activations::leaky_relu),
        "Mish" => Rule::One(activations::mish),
        "PRelu" => Rule::Two(|builder, _, x, slope| activations::leaky(builder, x, slope)),
        "Selu" => Rule::One(activations::selu),
        "Softplus" => Rule::One(|builder, _, x| activations::log_of_1_plus_exp(builder, x)),
        "Softsign" => Rule::One(activations::softsign),
        "Swish" => Rule::One(activations::swish),
        "ThresholdedRelu" => Rule::One(activations::thresholded_relu),
        "ArgMax" | "ArgMin" => Rule::One(reduce::arg_max),
        "LogSoftmax" | "Softmax" => Rule::One(reduce::softmax),
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
        "Binarizer" => Rule::One(ml_ops::binarizer),
        "FeatureVectorizer" => Rule::Computed(ml_ops::feature_vectorizer),
        "Imputer" => Rule::One(ml_ops::imputer),
        "LabelEncoder" => Rule::One(ml_ops::label_encoder),
        "LinearClassifier" => Rule::Scores(ml_ops::linear_classifier),
        "LinearRegressor" => Rule::One(ml_ops::linear_regressor),
        "Normalizer" => Rule::One(ml_ops::normalizer),
        "OneHotEncoder" => Rule::One(ml_ops::one_hot),
        "Scaler" => Rule::One(ml_ops::scaler),
        "ZipMap" => Rule::Value(movement::identity),
        "TreeEnsemble" => Rule::Computed(trees::ensemble),
        "TreeEnsembleClassifier" => Rule::Scores(trees::classifier),
        "TreeEnsembleRegressor" => Rule::Computed(trees::regressor),
        _ => return None,
    })
}
