//! The bill of materials of this program, from the `Cargo.lock` that it was built with.
//!
//! Owns its form, `CycloneDX` 1.5. It lists every crate that a build may use, also those for tests and for other systems; that of a
//! release lists those of the program, with their licences. Must not know what the crates do.

use serde_json::{Value, json};
use toml::de::{DeTable, DeValue};

use super::failed;
use crate::backend::BackendError;

const LOCK: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"));

/// The document, without a time or a serial number: the same program gives the same one.
pub(super) fn document() -> Result<Value, BackendError> {
    let lock = DeTable::parse(LOCK).map_err(failed)?;
    let packages = lock.get_ref().get("package").and_then(|packages| packages.get_ref().as_array());
    let components: Vec<Value> =
        packages.into_iter().flatten().filter_map(|package| component(package.get_ref())).collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {
            "type": "application",
            "name": env!("CARGO_PKG_NAME"),
            "version": env!("CARGO_PKG_VERSION"),
        }},
        "components": components,
    }))
}

/// `None` for the packages of this repository, which have no source.
fn component(package: &DeValue<'_>) -> Option<Value> {
    let text = |key: &str| package.get(key).and_then(|value| value.get_ref().as_str());
    let (name, version) = (text("name")?, text("version")?);
    text("source")?;
    let url = format!("pkg:cargo/{name}@{version}");
    // The checksum of its archive in the registry.
    let hashes: Vec<Value> =
        text("checksum").iter().map(|content| json!({"alg": "SHA-256", "content": content})).collect();
    Some(json!({
        "type": "library", "bom-ref": url, "name": name, "version": version, "purl": url, "hashes": hashes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_each_crate_of_the_lock_file_with_its_checksum() {
        let document = document().expect("a document");
        let components = document["components"].as_array().expect("components");
        assert_eq!(components.len(), LOCK.matches("\nchecksum = ").count());
        let serde = components.iter().find(|component| component["name"] == "serde").expect("serde");
        assert_eq!(
            serde["purl"],
            format!("pkg:cargo/serde@{}", serde["version"].as_str().expect("a version"))
        );
        assert_eq!(serde["hashes"][0]["content"].as_str().map(str::len), Some(64));
        assert!(!components.iter().any(|component| component["name"] == env!("CARGO_PKG_NAME")));
    }
}
