//! Builds the plain service (the folder `plain`), which our service is compared with.

use super::support::Outcome;
use std::path::Path;
use std::process::Command;

const MANIFEST: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/examples/throughput/plain/Cargo.toml"
);

/// Nothing is done if it is up to date.
pub fn build() -> Outcome<Command> {
    let program = std::env::current_exe()?;
    let profile_dir = program.ancestors().nth(2).unwrap_or(Path::new("."));
    let target_dir = profile_dir.join("plain");
    let built = Command::new("cargo")
        .args([
            "build",
            "--release",
            "--locked",
            "--manifest-path",
            MANIFEST,
        ])
        .arg("--target-dir")
        .arg(&target_dir)
        .status()?;
    if !built.success() {
        return Err("cargo cannot build the plain service".into());
    }
    Ok(Command::new(target_dir.join("release/plain")))
}
