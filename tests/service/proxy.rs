//! The proxies themselves, so that the tests that break things with them can be believed.

use crate::support::distance::Distance;
use crate::support::proxy::{Mode, Proxy};
use crate::support::wait::{eventually, ms, pause, s};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

fn echo() -> Proxy {
    Proxy::to(echoing())
}

fn far_echo(round_trip: Duration) -> Distance {
    Distance::before(echoing(), round_trip).unwrap()
}

/// The port of a server that sends everything back.
fn echoing() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            thread::spawn(move || std::io::copy(&mut stream.try_clone().unwrap(), &mut stream));
        }
    });
    port
}

fn connect(proxy: &Proxy) -> TcpStream {
    connect_to(proxy.port())
}

fn connect_to(port: u16) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(ms(200))).unwrap();
    stream
}

fn say(mut stream: &TcpStream, text: &str) -> std::io::Result<String> {
    stream.write_all(text.as_bytes())?;
    let mut buffer = [0; 64];
    let count = stream.read(&mut buffer)?;
    Ok(String::from_utf8_lossy(&buffer[..count]).into_owned())
}

#[test]
fn it_passes_refuses_and_heals() {
    let proxy = echo();
    let old = connect(&proxy);
    assert_eq!(say(&old, "one").unwrap(), "one");
    proxy.set(Mode::Refuse);
    assert_eq!(
        say(&old, "two").unwrap(),
        "two",
        "connections that exist go on"
    );
    let reset = say(&connect(&proxy), "three").unwrap_err();
    assert!(
        matches!(
            reset.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ),
        "{reset}"
    );
    proxy.heal();
    assert_eq!(say(&connect(&proxy), "four").unwrap(), "four");
}

#[test]
fn a_reset_reaches_a_client_that_waits() {
    let proxy = echo();
    let stream = connect(&proxy);
    assert_eq!(say(&stream, "one").unwrap(), "one");
    stream.set_read_timeout(Some(s(5))).unwrap();
    proxy.reset();
    let error = (&stream).read(&mut [0; 8]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_silent_network_neither_answers_nor_closes() {
    let proxy = echo();
    let old = connect(&proxy);
    assert_eq!(say(&old, "one").unwrap(), "one");
    proxy.set(Mode::Silent);
    let new = connect(&proxy);
    assert_eq!(say(&old, "two").unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(
        say(&new, "three").unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    proxy.heal();
    eventually(s(10), "the old connection ends", || {
        (&old)
            .read(&mut [0; 8])
            .is_err_and(|e| e.kind() != ErrorKind::WouldBlock)
    });
    assert_eq!(say(&connect(&proxy), "four").unwrap(), "four");
}

#[test]
fn an_answer_or_a_request_can_be_cut_off() {
    let proxy = echo();
    proxy.cut_answers("needle", 1);
    let stream = connect(&proxy);
    assert_eq!(say(&stream, "hay").unwrap(), "hay");
    assert!(say(&stream, "a needle in it").is_err());
    assert_eq!(proxy.cuts_left(), 0);
    assert_eq!(
        say(&connect(&proxy), "a needle in it").unwrap(),
        "a needle in it"
    );
    proxy.cut_requests("needle", 2);
    assert!(say(&connect(&proxy), "needle").is_err());
    assert_eq!(proxy.cuts_left(), 1);
}

#[test]
fn a_delay_counts_both_ways() {
    let proxy = echo();
    let stream = connect(&proxy);
    proxy.set(Mode::Delay(ms(50)));
    let start = Instant::now();
    assert_eq!(say(&stream, "one").unwrap(), "one");
    assert!(start.elapsed() >= ms(100));
}

/// On a cable, unlike on a slow proxy, many are on their way at the same time.
#[test]
fn over_a_distance_pieces_do_not_wait_for_one_another() {
    let far = far_echo(ms(100));
    let (mut stream, pieces) = (connect_to(far.port()), 50);
    stream.set_read_timeout(Some(s(5))).unwrap();
    let start = Instant::now();
    for _ in 0..pieces {
        stream.write_all(b"x").unwrap();
        pause(ms(2)); // so that each is a piece of its own
    }
    stream.read_exact(&mut vec![0; pieces]).unwrap();
    assert!(start.elapsed() >= ms(100), "it is a distance");
    let one_by_one = ms(50) * 50;
    assert!(start.elapsed() < one_by_one, "{:?}", start.elapsed());
}

#[test]
fn a_cut_cable_neither_answers_nor_closes_and_what_was_on_it_is_lost() {
    let far = far_echo(ms(2));
    let old = connect_to(far.port());
    assert_eq!(say(&old, "one").unwrap(), "one");
    far.cut();
    let new = connect_to(far.port());
    for stream in [&old, &new] {
        let silence = say(stream, "two").unwrap_err();
        assert_eq!(silence.kind(), ErrorKind::WouldBlock);
    }
    far.mend();
    for mut stream in [&old, &new] {
        eventually(s(10), "a connection that was cut ends", || {
            stream
                .read(&mut [0; 8])
                .is_err_and(|e| e.kind() != ErrorKind::WouldBlock)
        });
    }
    assert_eq!(say(&connect_to(far.port()), "three").unwrap(), "three");
}
