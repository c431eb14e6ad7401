//! A TCP proxy that stands for a distance: each piece arrives half a round trip later than it was sent, and pieces do not wait for
//! one another, as on a long cable. The cable can be cut: then nothing arrives, and nothing is closed either.
//!
//! [`super::proxy::Proxy`] breaks single answers and gives each connection threads of its own; this one carries hundreds of connections
//! on one thread, so that a load through it is slowed down by the distance alone.

use bytes::Bytes;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::unbounded_channel;
use tokio::sync::watch;
use tokio::task::AbortHandle;

const PIECE: usize = 16 * 1024;

/// One thread for all cables, beside those of the load: that must not delay them more.
static CABLES: LazyLock<Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("distance")
        .enable_all()
        .build()
        .expect("a thread can be started")
});

/// A piece, and when it arrives.
type Travelling = (Instant, Bytes);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cable {
    Whole,
    Cut,
}

pub struct Distance {
    port: u16,
    cable: watch::Sender<Cable>,
    accepting: AbortHandle,
}

impl Distance {
    /// Before the server that listens on this port.
    pub fn before(target: u16, round_trip: Duration) -> io::Result<Distance> {
        let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Distance::between(here(0), here(target), round_trip)
    }

    /// Who connects to `near` reaches `target`.
    pub fn between(
        near: SocketAddr,
        target: SocketAddr,
        round_trip: Duration,
    ) -> io::Result<Distance> {
        let listener = std::net::TcpListener::bind(near)?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let (cable, state) = watch::channel(Cable::Whole);
        let _cables = CABLES.enter();
        let listener = TcpListener::from_std(listener)?;
        let accepting = tokio::spawn(accept(listener, target, round_trip / 2, state));
        Ok(Distance {
            port,
            cable,
            accepting: accepting.abort_handle(),
        })
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on nothing arrives. Both ends keep their connections, and who connects waits.
    pub fn cut(&self) {
        self.set(Cable::Cut);
    }

    /// What travelled is lost, so the connections that were cut end; new ones are as before.
    pub fn mend(&self) {
        self.set(Cable::Whole);
    }

    /// A cable that is cut again is still the same cut to the connections on it.
    fn set(&self, to: Cable) {
        self.cable
            .send_if_modified(|cable| std::mem::replace(cable, to) != to);
    }
}

impl Drop for Distance {
    fn drop(&mut self) {
        self.accepting.abort(); // the connections end with their ends, or with `cable`
    }
}

async fn accept(
    listener: TcpListener,
    target: SocketAddr,
    delay: Duration,
    cable: watch::Receiver<Cable>,
) {
    // What can fail here is the lack of a descriptor, which the next turn may have.
    loop {
        if let Ok((client, _)) = listener.accept().await {
            tokio::spawn(connect(client, target, delay, cable.clone()));
        } else {
            tokio::task::yield_now().await;
        }
    }
}

async fn connect(
    mut client: TcpStream,
    target: SocketAddr,
    delay: Duration,
    mut cable: watch::Receiver<Cable>,
) {
    if *cable.borrow_and_update() == Cable::Whole
        // A server that refuses is for the client to see: its connection ends.
        && let Ok(mut server) = TcpStream::connect(target).await
        && client.set_nodelay(true).is_ok()
        && server.set_nodelay(true).is_ok()
    {
        tokio::select! {
            () = carry(&mut client, &mut server, delay) => return,
            _ = cable.changed() => {
                until_whole(&mut cable).await;
                reset(server);
            }
        }
    }
    until_whole(&mut cable).await;
    reset(client);
}

/// Or until there is no cable any more.
async fn until_whole(cable: &mut watch::Receiver<Cable>) {
    let _ = cable.wait_for(|cable| *cable == Cable::Whole).await;
}

/// Ends with RST: the other end did not agree to it.
fn reset(stream: TcpStream) {
    let _ = stream.set_zero_linger();
}

async fn carry(client: &mut TcpStream, server: &mut TcpStream, delay: Duration) {
    let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
    tokio::join!(
        carry_one_way(from_client, to_server, delay),
        carry_one_way(from_server, to_client, delay)
    );
}

/// Ends with the connection; what travels still arrives.
async fn carry_one_way(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, delay: Duration) {
    let (send, mut arrive) = unbounded_channel::<Travelling>();
    let depart = async move {
        let mut piece = vec![0; PIECE];
        while let Ok(length @ 1..) = from.read(&mut piece).await {
            let arrival = Instant::now() + delay;
            let piece = Bytes::copy_from_slice(&piece[..length]);
            if send.send((arrival, piece)).is_err() {
                return;
            }
        }
    };
    let deliver = async move {
        // Without a descriptor for it the connection ends.
        let Ok(clock) = Clock::new() else { return };
        while let Some((arrival, piece)) = arrive.recv().await {
            if clock.wait_until(arrival).await.is_err() || to.write_all(&piece).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(depart, deliver);
}

/// A timer of the kernel. Those of tokio have a resolution of a millisecond and round up: a create that crosses four cables would take 5 ms
/// longer than the distances it is said to have.
struct Clock(AsyncFd<Timer>);

struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl Clock {
    fn new() -> io::Result<Clock> {
        // No service that a test starts meanwhile is to inherit it.
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        // SAFETY: it owns the timer, whose descriptor is the same one for as long as there is a timer.
        let timer = unsafe { AsyncFd::register(Timer(timer)) };
        timer.map(Clock).map_err(Into::into)
    }

    async fn wait_until(&self, time: Instant) -> io::Result<()> {
        let left = time.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        self.0.get_ref().0.set(
            Expiration::OneShot(TimeSpec::from_duration(left)),
            TimerSetTimeFlags::empty(),
        )?;
        // To set it anew makes it unreadable again.
        self.0.readable().await?.clear_ready();
        Ok(())
    }
}
