//! `README.md` of a bundle: what its files are, and how to reproduce the model.
//!
//! Owns the text. Must not know how the files are made.

use crate::backend::transfer::Description;
use crate::store::ModelKey;
use crate::text::Untrusted;

/// The text; `damaged` lines of the audit trail could not be read.
pub(super) fn text(key: &ModelKey, about: &Description, damaged: usize) -> String {
    let (id, dir) = (key.id.as_str(), key.dir.as_str());
    let lost = match damaged {
        0 => String::new(),
        damaged => format!(" Lines of the same days that cannot be read: {damaged}."),
    };
    format!(
        "# Audit bundle of the model {id}/{dir}\n\n\
         Nothing of a student is in this archive: no sample, no id of a sample, and not the model itself, whose trees contain values of \
         features. The names of users in it are those of the server's accounts.\n\n\
         | file | content |\n|---|---|\n\
         | model-card.md | intended use, data, quality, calibration, what the model looks at, human oversight, limits |\n\
         | model.json | the same facts for programs |\n\
         | report/ | the report of the last evaluation of this model id, if one is stored |\n\
         | evaluations.json | the results of the stored evaluations, newest first |\n\
         | training-history.json | the generations that are kept, the batches of samples, and the trainings, imports and rollbacks of \
         the audit trail with the checksums of their uploads |\n\
         | audit-trail.jsonl | the lines of the audit trail about this model id, oldest first, as far as they are kept; without those \
         about bundles like this one.{lost} |\n\
         | versions.json | the versions of the program that wrote this, and of the one that made the model |\n\
         | bill-of-materials.cdx.json | the crates that the program may be built with, with checksums (CycloneDX); that of the \
         release also has the licences |\n\
         | SHA256SUMS | the checksums of all files: `sha256sum --check SHA256SUMS` |\n\n\
         The same stored data gives the same archive, byte by byte.\n\n## How to reproduce the model\n\n{}",
        reproduction(id, dir, about)
    )
}

fn reproduction(id: &str, dir: &str, about: &Description) -> String {
    if about.imported {
        return format!(
            "The model was trained elsewhere, and then imported: {}. Its samples are not on this server.\n",
            Untrusted(&about.made_by).markdown(200)
        );
    }
    format!(
        "Training is deterministic: the same samples and the same version of the program give the same file on the same kind of \
         processor. The samples are about students, so download and delete them under the rules that hold for these; an admin of the \
         server may:\n\n```sh\ncurl --user ADMIN --output samples.csv https://SERVER/models/{id}/{dir}/samples\nmoodle-mlbackend train \
         samples.csv --output model.onnx\nsha256sum model.onnx\nrm samples.csv\n```\n\n\
         The program is {}; the last line but one prints\n\n    {}  model.onnx\n\n\
         This holds as long as the server keeps all samples of this generation.\n",
        Untrusted(&about.made_by).markdown(200),
        about.sha256
    )
}
