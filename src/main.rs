//! Runs the command that was typed: see [`synapse_core::cli`].

use std::io::Write;

fn main() {
    let status = synapse_core::cli::main();
    let _ = std::io::stdout().flush();
    // Not `exit`: it would run the exit handler in which libpq's OpenSSL frees its tables, and a probe in a thread of its own may still use
    // them. SAFETY: nothing is left to do in this process.
    unsafe { nix::libc::_exit(status) }
}
