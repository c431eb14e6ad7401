//! `man` and `completions`: manual pages and completion scripts, made from the definitions of the commands.

use clap::Command;
use clap_mangen::Man;

/// The page of the program, or of one of its commands, as roff. Err: there is no such command.
pub fn page(mut program: Command, name: Option<&str>) -> Result<String, String> {
    program = program.disable_help_subcommand(true);
    program.build();
    let command = match name {
        None => program,
        Some(name) => {
            let found = program.find_subcommand(name).cloned();
            found.ok_or_else(|| format!("man: there is no command '{name}'"))?
        }
    };
    let mut page = Vec::new();
    let rendered = Man::new(command).render(&mut page);
    rendered.map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}

pub fn completions(mut program: Command, shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, "synapse-core", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}
