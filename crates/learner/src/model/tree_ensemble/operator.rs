//! The operator in the ONNX runtime (tract).
//!
//! Owns its registration: it takes the place of tract's own. Must not know files.

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
#[allow(clippy::wildcard_imports, reason = "tract's macros need names that they do not import")]
use tract_onnx::tract_hir::internal::*;

use super::ensemble::{OPERATOR, TreeEnsemble};
use super::node_proto;

/// Registers the operator, and removes the one of tract that trusts its file.
pub(crate) fn register(onnx: &mut Onnx) {
    onnx.op_register.0.remove("TreeEnsembleClassifier");
    onnx.op_register.insert(OPERATOR, build);
}

fn build(_: &ParsingContext<'_>, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let ensemble = node_proto::of_node(node).map_err(|error| format_err!("{error}"))?;
    Ok((expand(Operator(Arc::new(ensemble))), Vec::new()))
}

#[derive(Debug, Clone)]
struct Operator(Arc<TreeEnsemble>);

/// Comparing all nodes would take longer than it could ever save.
impl PartialEq for Operator {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Operator {}

impl Expansion for Operator {
    fn name(&self) -> StaticName {
        OPERATOR.into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 1)?;
        check_output_arity(outputs, 1)?;
        s.equals(&inputs[0].datum_type, f32::datum_type())?;
        s.equals(&outputs[0].datum_type, f32::datum_type())?;
        s.equals(&inputs[0].rank, 2)?;
        s.equals(&outputs[0].rank, 2)?;
        s.equals(&outputs[0].shape[0], &inputs[0].shape[0])?;
        s.equals(&outputs[0].shape[1], self.0.scores().to_dim())
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

impl Op for Operator {
    fn name(&self) -> StaticName {
        OPERATOR.into()
    }

    op_as_typed_op!();
}

impl EvalOp for Operator {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let view = input.to_plain_array_view::<f32>()?;
        let [rows, columns] = *view.shape() else { bail!("the input is not of rows and columns") };
        ensure!(columns >= self.0.min_columns().max(1), "the input has {columns} columns");
        // tract may hand over a transposed view, whose rows are not in one piece.
        let values = view.as_standard_layout();
        let Some(values) = values.as_slice() else { bail!("the input is not in one piece") };
        let scores = self.0.evaluate(values, columns);
        Ok(tvec!(Tensor::from_shape(&[rows, self.0.scores()], &scores)?.into_tvalue()))
    }
}

impl TypedOp for Operator {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let rows = inputs[0].shape[0].clone();
        Ok(tvec!(f32::fact(&[rows, self.0.scores().to_dim()])))
    }

    as_op!();
}
