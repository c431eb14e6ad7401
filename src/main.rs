//! Load settings, start logging, dispatch the command: see [`synapse_core::cli`].

use std::io::Write;

fn main() {
    let status = synapse_core::cli::main();
    let _ = std::io::stdout().flush();
    // A probe may be under way in a thread of its own, and libpq's OpenSSL clears its tables in an exit handler: `exit` would pull them
    // away beneath it. SAFETY: nothing is left to do in this process.
    unsafe { nix::libc::_exit(status) }
}
