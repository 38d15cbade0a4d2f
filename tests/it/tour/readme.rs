//! The README's tour as steps: commands, and what they are to say.

/// Under this heading, up to the next of its rank, every `sh` block is run.
const HEADING: &str = "## A tour in ten minutes";

/// A block of commands and the block of output after it.
pub struct Step {
    /// Where it stands in the README.
    pub line: usize,
    pub commands: String,
    /// Lines, or fragments of lines, that come in this order.
    pub output: String,
}

pub fn steps(readme: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut answered = true;
    let mut lines = readme.lines().enumerate().skip_while(|(_, line)| *line != HEADING).skip(1);
    while let Some((number, line)) = lines.next().filter(|(_, line)| !line.starts_with("## ")) {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let text: String = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| *line != "```")
            .map(|line| format!("{line}\n"))
            .collect();
        match kind {
            "sh" => {
                assert!(answered, "README.md line {number}: the commands before have no output block");
                steps.push(Step { line: number + 1, commands: text, output: String::new() });
                answered = false;
            }
            "output" => {
                assert!(!answered && !text.is_empty(), "README.md line {number}: the output of no commands");
                steps.last_mut().unwrap().output = text;
                answered = true;
            }
            _ => {}
        }
    }
    assert!(answered, "the last commands of the tour have no output block");
    steps
}

/// The first wanted line that doesn't come after those before it.
pub fn missing<'a>(wanted: &'a str, came: &str) -> Option<&'a str> {
    let mut came = came.lines();
    wanted.lines().map(str::trim).find(|wanted| !came.any(|line| line.contains(wanted)))
}

#[test]
fn wanted_lines_have_to_come_in_order() {
    let came = "one two\nthree\n";
    assert_eq!(missing("two\n  three", came), None);
    assert_eq!(missing("three\none", came), Some("one"));
    assert_eq!(missing("three\nthree", came), Some("three"));
}

#[test]
fn only_the_tours_own_commands_are_run() {
    let readme = format!(
        "```sh\nbefore\n```\n{HEADING}\n```console\nsetup\n```\n```sh\na\nb\n```\ntext\n```output\nc\n```\n## Next\n```sh\nafter\n```\n"
    );
    let steps = steps(&readme);
    assert_eq!(steps.len(), 1);
    assert_eq!((steps[0].line, steps[0].commands.as_str(), steps[0].output.as_str()), (8, "a\nb\n", "c\n"));
}
