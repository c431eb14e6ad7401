//! Load settings, start logging, dispatch the command: see [`synapse_core::cli`].

fn main() -> std::process::ExitCode {
    synapse_core::cli::main()
}
