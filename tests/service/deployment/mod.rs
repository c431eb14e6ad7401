//! What deploy/ holds, tried: alerts and dashboard against what a service shows, settings against its loader, roles and a restored backup
//! against a service that works on them.

mod alerts;
mod dashboard;
mod environments;
mod expressions;
mod image;
mod restore;
mod roles;

use std::fs;
use std::path::{Path, PathBuf};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
