//! What holds of every parser of clients' bytes, asked for the bytes that matter: what fuzzing has found, and what one would try first
//! (fuzz/seeds). `fuzz/run` asks for all others.

mod properties;

use std::collections::BTreeMap;
use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

/// By target and name.
fn seeds() -> BTreeMap<String, BTreeMap<String, Vec<u8>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let entries = |path: &Path| {
        let entries = path.read_dir().unwrap().map(|entry| entry.unwrap());
        entries
            .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
            .collect::<BTreeMap<_, _>>()
    };
    let targets = entries(&root).into_iter().map(|(target, path)| {
        let files = entries(&path).into_iter();
        let seeds = files.map(|(name, path)| (name, fs::read(path).unwrap()));
        (target, seeds.collect())
    });
    targets.collect()
}

/// Each seed, what is left of it where it was cut, and what it is without each of its bytes.
fn variants(seed: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let cut = (0..seed.len()).map(|end| seed[..end].to_vec());
    let without = (0..seed.len()).map(|at| [&seed[..at], &seed[at + 1..]].concat());
    std::iter::once(seed.to_vec()).chain(cut).chain(without)
}

#[test]
fn every_property_holds_of_its_seeds_and_of_what_is_left_when_one_is_damaged() {
    let seeds = seeds();
    let names: Vec<&str> = properties::ALL.iter().map(|(name, _)| *name).collect();
    assert_eq!(seeds.keys().collect::<Vec<_>>(), names);
    for (name, property) in properties::ALL {
        for (seed, bytes) in &seeds[name] {
            // A large one is what it is by its size.
            let variants = variants(bytes).take(if bytes.len() < 1000 { usize::MAX } else { 1 });
            for variant in variants {
                let shown = String::from_utf8_lossy(&variant).into_owned();
                let holds = catch_unwind(|| property(&variant));
                assert!(holds.is_ok(), "{name} of {seed}, as {shown:?}");
            }
        }
    }
}

#[test]
fn every_property_has_a_fuzz_target() {
    let manifest = include_str!("../../fuzz/Cargo.toml");
    let bins = manifest.split("[[bin]]\nname = \"").skip(1);
    let bins: Vec<&str> = bins.map(|rest| rest.split('"').next().unwrap()).collect();
    assert_eq!(bins, properties::ALL.map(|(name, _)| name));
}
