//! Fuzz targets for everything that reads clients' bytes: one a property of tests/parsers. `fuzz/run` runs them.

#[path = "../../tests/parsers/properties/mod.rs"]
pub mod properties;

/// libFuzzer's entry for one property.
#[macro_export]
macro_rules! target {
    ($property:ident) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::properties::$property(data));
    };
}
