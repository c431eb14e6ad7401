use super::*;

/// A directory that looks like an installation.
fn install(dir: &Path, version: &str, programs: &[&str]) {
    fs::create_dir_all(dir).unwrap();
    for name in programs {
        let script = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n");
        fs::write(dir.join(name), script).unwrap();
        fs::set_permissions(dir.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn open_tempdir() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

fn found(roots: &[PathBuf]) -> Vec<(u32, u32)> {
    let installed = Binaries::installed(roots).unwrap();
    installed
        .iter()
        .map(|found| (found.major, found.minor))
        .collect()
}

#[test]
fn the_highest_version_wins_and_numbers_are_compared_as_numbers() {
    let root = open_tempdir();
    for (dir, version) in [
        ("9.6", "9.6.24"),
        ("14", "14.9"),
        ("17", "17.10"),
        ("18", "18beta1"),
    ] {
        install(&root.path().join(dir).join("bin"), version, &PROGRAMS);
    }
    let installed = Binaries::installed(&[root.path().join("*/bin")]).unwrap();
    assert_eq!(newest(&installed, None).unwrap().major, 18);
    assert_eq!(newest(&installed, Some(14)).unwrap().minor, 9);
    assert_eq!(newest(&installed, Some(9)), None, "too old to be used");
    assert_eq!(
        describe(&installed),
        "PostgreSQL 14, PostgreSQL 17, PostgreSQL 18"
    );
}

#[test]
fn a_directory_that_lacks_one_program_does_not_count() {
    let root = open_tempdir();
    install(&root.path().join("17/bin"), "17.2", &PROGRAMS[..5]);
    install(&root.path().join("15/bin"), "15.3", &PROGRAMS);
    assert_eq!(found(&[root.path().join("*/bin")]), [(15, 3)]);
}

#[test]
fn a_link_on_the_path_leads_to_the_directory_behind_it() {
    let root = open_tempdir();
    install(&root.path().join("real"), "16.4", &PROGRAMS);
    let path = root.path().join("path");
    fs::create_dir(&path).unwrap();
    std::os::unix::fs::symlink("../real/postgres", path.join("postgres")).unwrap();
    assert_eq!(found(std::slice::from_ref(&path)), [(16, 4)]);
}

#[test]
fn roots_that_do_not_exist_are_nothing() {
    assert_eq!(found(&["/no/such/*/bin".into(), "/no/such".into()]), []);
}

#[test]
fn a_bad_bin_dir_says_what_is_missing() {
    let root = open_tempdir();
    install(root.path(), "15.3", &PROGRAMS[1..]);
    let error = Binaries::find(Some(root.path()), None, root.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("does not hold a usable PostgreSQL: initdb missing"),
        "{error}"
    );
}

#[test]
fn data_of_a_version_that_is_not_there_name_both_versions() {
    let root = open_tempdir();
    install(root.path(), "15.3", &PROGRAMS);
    let installed = Binaries::installed(&[root.path().to_owned()]).unwrap();
    let error = Binaries::downloaded(&installed, Some(14), Path::new("/data")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the data in /data are of PostgreSQL 14, but only PostgreSQL 15 is installed; install PostgreSQL 14 or use another data_dir"
    );
    let error = Binaries::find(Some(root.path()), Some(14), root.path()).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("it is PostgreSQL 15, the data are of 14"),
        "{error}"
    );
}

#[test]
fn a_package_directory_name_is_matched_on_both_sides_of_the_star() {
    let root = open_tempdir();
    install(&root.path().join("postgresql@16/bin"), "16.1", &PROGRAMS);
    install(&root.path().join("mysql@16/bin"), "17.1", &PROGRAMS);
    assert_eq!(found(&[root.path().join("postgresql@*/bin")]), [(16, 1)]);
}
