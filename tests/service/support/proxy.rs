//! A TCP proxy between service and database that can break in all the ways a network can.

use super::wait;
use nix::sys::socket::{setsockopt, sockopt};
use parking_lot::{Condvar, Mutex};
use private_postgres::{Server, User};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// New connections are reset at once; those that exist go on.
    Refuse,
    /// Nothing is forwarded, nothing is closed: a network that drops every packet.
    Silent,
    /// Each piece comes late, in both directions.
    Delay(Duration),
}

/// Where an answer gets lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// The request is executed, its answer never arrives.
    Answer,
    /// The request itself never arrives.
    Request,
}

struct Trap {
    cut: Cut,
    needle: Vec<u8>,
    left: u32,
}

/// Requests that wait: after so many that do not, so many.
struct Held {
    needle: Vec<u8>,
    free: u32,
    left: u32,
}

struct State {
    mode: Mode,
    trap: Option<Trap>,
    held: Option<Held>,
    links: Vec<Weak<Link>>,
    closed: bool,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    target: AtomicU16,
}

/// One connection. Both ends are closed when the last of its two pumps lets go.
struct Link {
    client: TcpStream,
    server: TcpStream,
    /// The answer to what was sent is to be lost.
    doomed: AtomicBool,
    /// It ends with RST, not FIN.
    reset: AtomicBool,
}

pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
}

impl Proxy {
    /// With the connection string of the service's user through it.
    pub fn before(server: &Server) -> (Proxy, String) {
        let proxy = Proxy::to(server.port());
        let url = server.url(User::Application).replace(
            &format!(":{}/", server.port()),
            &format!(":{}/", proxy.port),
        );
        (proxy, url)
    }

    pub fn to(target: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State {
            mode: Mode::Pass,
            trap: None,
            held: None,
            links: Vec::new(),
            closed: false,
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            changed: Condvar::new(),
            target: AtomicU16::new(target),
        });
        let inner = Arc::clone(&shared);
        thread::spawn(move || inner.accept_all(&listener));
        Proxy { shared, port }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// New connections lead to another server; those that exist stay where they are.
    pub fn lead_to(&self, port: u16) {
        self.shared.target.store(port, Ordering::Release);
    }

    /// From now on. What went into a silent network is lost, so its connections end when it speaks again.
    pub fn set(&self, mode: Mode) {
        let mut state = self.shared.state.lock();
        let was = std::mem::replace(&mut state.mode, mode);
        drop(state);
        self.shared.changed.notify_all();
        if was == Mode::Silent && mode != Mode::Silent {
            self.reset();
        }
    }

    pub fn heal(&self) {
        let mut state = self.shared.state.lock();
        (state.trap, state.held) = (None, None);
        drop(state);
        self.set(Mode::Pass);
    }

    /// RST on every connection that exists.
    pub fn reset(&self) {
        let links = std::mem::take(&mut self.shared.state.lock().links);
        links
            .iter()
            .filter_map(Weak::upgrade)
            .for_each(|link| link.reset());
    }

    /// The next so many requests that contain these bytes are executed, but cut off before their answers arrive.
    pub fn cut_answers(&self, needle: &str, times: u32) {
        self.trap(Cut::Answer, needle, times);
    }

    /// The next so many requests that contain these bytes are swallowed, and cut off.
    pub fn cut_requests(&self, needle: &str, times: u32) {
        self.trap(Cut::Request, needle, times);
    }

    fn trap(&self, cut: Cut, needle: &str, times: u32) {
        self.shared.state.lock().trap = Some(Trap {
            cut,
            needle: needle.as_bytes().to_vec(),
            left: times,
        });
    }

    /// Requests that contain these bytes wait until it is healed, but for the next so many.
    pub fn hold_requests(&self, needle: &str, free: u32) {
        self.hold(needle, free, u32::MAX);
    }

    /// The next request that contains these bytes waits until it is healed, and arrives then.
    pub fn hold_one_request(&self, needle: &str) {
        self.hold(needle, 0, 1);
    }

    fn hold(&self, needle: &str, free: u32, left: u32) {
        let needle = needle.as_bytes().to_vec();
        self.shared.state.lock().held = Some(Held { needle, free, left });
    }

    /// How many of the cuts are still to come.
    pub fn cuts_left(&self) -> u32 {
        self.shared
            .state
            .lock()
            .trap
            .as_ref()
            .map_or(0, |trap| trap.left)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.state.lock().closed = true;
        self.shared.changed.notify_all();
        self.reset();
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)); // wakes the accepting thread
    }
}

impl Shared {
    fn accept_all(self: Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().flatten() {
            if self.state.lock().closed {
                return;
            }
            let shared = Arc::clone(&self);
            thread::spawn(move || shared.connect(client));
        }
    }

    fn connect(self: Arc<Self>, client: TcpStream) {
        let refused = self.until_not_silent() == Mode::Refuse || self.state.lock().closed;
        let server = TcpStream::connect((Ipv4Addr::LOCALHOST, self.target.load(Ordering::Acquire)))
            .ok()
            .filter(|_| !refused);
        let Some(server) = server else {
            return reset_on_close(&client);
        };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let link = Arc::new(Link {
            client,
            server,
            doomed: AtomicBool::new(false),
            reset: AtomicBool::new(false),
        });
        self.state.lock().links.push(Arc::downgrade(&link));
        let (shared, back) = (Arc::clone(&self), Arc::clone(&link));
        thread::spawn(move || shared.pump(&back, &back.server, &back.client, false));
        self.pump(&link, &link.client, &link.server, true);
    }

    fn until_not_silent(&self) -> Mode {
        let silent = |state: &mut State| state.mode == Mode::Silent && !state.closed;
        let mut state = self.state.lock();
        self.changed.wait_while(&mut state, silent);
        state.mode
    }

    fn pump(&self, link: &Link, mut from: &TcpStream, to: &TcpStream, is_request: bool) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let bytes = match from.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(count) => &buffer[..count],
            };
            if !self.forward(link, to, bytes, is_request) {
                link.reset();
                return;
            }
        }
        self.until_not_silent(); // who is cut off does not learn of an end either
        if link.reset.load(Ordering::Acquire) {
            return;
        }
        let _ = (
            link.client.shutdown(Shutdown::Both),
            link.server.shutdown(Shutdown::Both),
        );
    }

    /// False: this connection is cut here.
    fn forward(&self, link: &Link, mut to: &TcpStream, bytes: &[u8], is_request: bool) -> bool {
        let mode = self.state.lock().mode;
        if mode == Mode::Silent {
            return true;
        }
        if let Mode::Delay(delay) = mode {
            wait::pause(delay);
        }
        if is_request {
            self.until_let_through(bytes);
        }
        match is_request.then(|| self.spring(bytes)).flatten() {
            Some(Cut::Request) => return false,
            Some(Cut::Answer) => link.doomed.store(true, Ordering::Release),
            None => {}
        }
        let is_doomed = !is_request && link.doomed.load(Ordering::Acquire);
        !is_doomed && to.write_all(bytes).is_ok()
    }

    fn until_let_through(&self, bytes: &[u8]) {
        let mut state = self.state.lock();
        let held = state.held.as_mut();
        let Some(held) = held.filter(|held| contains(bytes, &held.needle)) else {
            return;
        };
        if held.free > 0 {
            held.free -= 1;
            return;
        }
        if held.left == 0 {
            return;
        }
        held.left -= 1;
        let is_held = |state: &mut State| state.held.is_some() && !state.closed;
        self.changed.wait_while(&mut state, is_held);
    }

    fn spring(&self, bytes: &[u8]) -> Option<Cut> {
        let mut state = self.state.lock();
        let trap = state.trap.as_mut().filter(|trap| trap.left > 0)?;
        contains(bytes, &trap.needle).then(|| {
            trap.left -= 1;
            trap.cut
        })
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}

impl Link {
    fn reset(&self) {
        self.reset.store(true, Ordering::Release);
        for stream in [&self.client, &self.server] {
            reset_on_close(stream);
            let _ = stream.shutdown(Shutdown::Read); // sends nothing, but wakes the pump, which lets go
        }
    }
}

fn reset_on_close(stream: &TcpStream) {
    let linger = nix::libc::linger {
        l_onoff: 1,
        l_linger: 0,
    };
    let _ = setsockopt(stream, sockopt::Linger, &linger);
}
