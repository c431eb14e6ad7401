use super::*;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

/// Answers every request with these bytes and closes.
fn serve(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(&answer);
        }
    });
    format!("http://{address}")
}

fn ok(body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// A release as the real one is: one top directory with `bin`.
fn archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    let script = b"#!/bin/sh\necho 'postgres (PostgreSQL) 16.4'\n";
    for name in [
        "initdb",
        "postgres",
        "pg_ctl",
        "pg_basebackup",
        "pg_rewind",
        "pg_controldata",
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(script.len() as u64);
        header.set_mode(0o755);
        header.set_cksum();
        let path = format!("postgresql-16.4.0-somewhere/bin/{name}");
        builder.append_data(&mut header, path, &script[..]).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn release(base_url: String, archive: &[u8]) -> Release {
    let pin = Pin {
        target: host_target().unwrap(),
        sha256: hex(&Sha256::digest(archive)),
    };
    Release {
        base_url,
        version: "16.4.0",
        pins: vec![pin],
    }
}

fn failure(release: &Release) -> String {
    let cache = tempfile::tempdir().unwrap();
    let error = fetch(release, cache.path()).unwrap_err().to_string();
    assert_eq!(
        fs::read_dir(cache.path()).unwrap().count(),
        0,
        "nothing is left behind"
    );
    assert!(
        error.starts_with("no PostgreSQL found, and its download failed: "),
        "{error}"
    );
    assert!(error.contains("install it with `"), "{error}");
    error
}

#[test]
fn a_good_download_is_unpacked_and_found_again_without_the_network() {
    let archive = archive();
    let cache = tempfile::tempdir().unwrap();
    fs::set_permissions(cache.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let found = fetch(&release(serve(ok(&archive)), &archive), cache.path()).unwrap();
    assert_eq!((found.major, found.minor), (16, 4));
    let again = fetch(
        &release("http://127.0.0.1:1".into(), &archive),
        cache.path(),
    )
    .unwrap();
    assert_eq!(again, found);
    assert_eq!(
        fs::read_dir(cache.path()).unwrap().count(),
        1,
        "only the release itself is left"
    );
}

#[test]
fn a_wrong_checksum_is_refused() {
    let error = failure(&release(serve(ok(b"something else")), &archive()));
    assert!(error.contains("wrong checksum"), "{error}");
}

#[test]
fn a_truncated_download_is_refused() {
    let archive = archive();
    let mut answer = ok(&archive);
    answer.truncate(answer.len() - 20);
    failure(&release(serve(answer), &archive));
}

#[test]
fn a_missing_release_is_reported() {
    let answer =
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_vec();
    let error = failure(&release(serve(answer), &archive()));
    assert!(error.contains("404"), "{error}");
}

#[test]
fn an_unreachable_server_is_reported() {
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    failure(&release(format!("http://127.0.0.1:{port}"), &archive()));
}

#[test]
fn an_unknown_platform_is_reported() {
    let error = failure(&Release {
        pins: Vec::new(),
        ..release(String::new(), b"")
    });
    assert!(
        error.contains("there is no release for this platform"),
        "{error}"
    );
}

#[test]
fn every_supported_platform_is_pinned() {
    let release = Release::pinned();
    assert_eq!(release.major(), 16);
    assert!(release.pins.iter().all(|pin| pin.sha256.len() == 64));
    assert!(host_target().is_none_or(|host| release.pins.iter().any(|pin| pin.target == host)));
}

#[test]
fn the_hint_fits_the_system() {
    assert_eq!(
        hint_for("NAME=x\nID=ubuntu\nID_LIKE=debian\n"),
        "apt-get install postgresql"
    );
    assert_eq!(
        hint_for("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"),
        "dnf install postgresql-server postgresql-contrib"
    );
    assert_eq!(
        hint_for("ID=alpine\n"),
        "apk add postgresql postgresql-contrib"
    );
    assert!(hint_for("").contains("package manager"));
}
