//! `completion`: a script with which a shell completes verbs, flags and their values.

use clap::{Args, ValueEnum};

use crate::arguments;
use crate::failure::{Exit, Failed};
use crate::messages;

/// Flags of `completion`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  moorline completion bash > ~/.local/share/bash-completion/completions/moorline
  moorline completion zsh > ~/.zfunc/_moorline        with fpath+=~/.zfunc before compinit
  moorline completion fish > ~/.config/fish/completions/moorline.fish
  moorline completion powershell >> $PROFILE")]
pub(crate) struct Completion {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// A shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Shell {
    /// GNU Bash
    Bash,
    /// Zsh
    Zsh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
}

/// Prints the script.
pub(crate) fn run(args: &Completion) -> Result<Exit, Failed> {
    messages::data(&script(args.shell))?;
    Ok(Exit::Done)
}

fn script(shell: Shell) -> String {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
        Shell::Powershell => clap_complete::Shell::PowerShell,
    };
    let mut bytes = Vec::new();
    clap_complete::generate(shell, &mut arguments::command(), "moorline", &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shell_gets_all_verbs() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for verb in ["validate", "anchors", "tail", "explain"] {
                assert!(script.contains(verb), "{shell:?} {verb}");
            }
        }
    }
}
