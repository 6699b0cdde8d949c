//! SECURITY.md and the tests, held together: each known failure has a test that bears its name, and each test that the
//! page names is there.

#![allow(clippy::unwrap_used, reason = "a test that cannot read the sources has failed")]

use std::collections::BTreeSet;
use std::path::Path;

use crate::root::root;

/// The classes of known failures, and how many each has.
const CLASSES: [(char, usize); 9] =
    [('A', 12), ('B', 5), ('C', 6), ('D', 4), ('E', 16), ('F', 7), ('G', 8), ('H', 10), ('I', 8)];
const OTHERS: [&str; 3] = ["1.10", "1.11", "1.12"];

/// The names of all functions of the sources and tests below a folder.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") {
            functions(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
            let text = std::fs::read_to_string(&path).unwrap();
            let words = ["fn ", "def "].into_iter().flat_map(|word| text.split(word).skip(1));
            let names = words.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next());
            found.extend(names.flatten().filter(|name| !name.is_empty()).map(str::to_owned));
        }
    }
}

/// The rows of the tables of a page, by cell.
fn rows(page: &str) -> impl Iterator<Item = Vec<&str>> {
    page.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")).map(|row| row.split(" | ").collect())
}

fn tests(cell: &str) -> Vec<&str> {
    cell.split("<br>").map(|name| name.trim_matches('`')).collect()
}

/// What is wrong with a page, given the tests that there are.
fn faults(page: &str, there: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    let (_, page) = page.split_once("## The known failures of others").unwrap_or_default();
    let (failures, standards) = page.split_once("### The standards").unwrap_or_default();
    let wanted = CLASSES.into_iter().flat_map(|(class, count)| (1..=count).map(move |at| format!("{class}{at}")));
    for row in wanted.chain(OTHERS.map(str::to_owned)) {
        let Some(cells) = rows(failures).find(|cells| cells[0] == row) else {
            faults.push(format!("{row} has no row"));
            continue;
        };
        let (ids, named) = (cells[1], tests(cells[3]));
        let spelled = |id: &str| id.to_lowercase().replace(['-', ' ', '.'], "_").replace('#', "");
        let bears = |text: &str| named.iter().any(|name| name.contains(text));
        // An advisory has an id; a practice has the name of its row alone.
        let registered: Vec<_> = ids.split(", ").filter(|id| ["CVE-", "GHSA", "RUST"].contains(&&id[..4])).collect();
        let borne = if registered.is_empty() {
            bears(&format!("{}_", row.to_lowercase())) || bears(&spelled(ids))
        } else {
            registered.iter().any(|id| bears(&spelled(id)))
        };
        if !borne {
            faults.push(format!("{row}: no test bears its name"));
        }
    }
    for cells in rows(failures).chain(rows(standards)).filter(|cells| cells.last().is_some_and(|it| it.contains('`'))) {
        let missing = tests(cells[cells.len() - 1]).into_iter().filter(|&name| !there.contains(name));
        faults.extend(missing.map(|name| format!("{}: there is no test {name}", cells[0])));
    }
    faults
}

#[test]
fn every_row_of_the_page_has_tests_that_are_there() {
    let mut there = BTreeSet::new();
    functions(&root().join("src"), &mut there);
    functions(&root().join("tests"), &mut there);
    let page = std::fs::read_to_string(root().join("SECURITY.md")).unwrap();
    assert_eq!(faults(&page, &there), Vec::<String>::new());
    assert!(rows(&page).count() > 100, "the tables were read");
}

#[test]
fn a_row_or_a_test_that_is_not_there_is_noticed() {
    let page = std::fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let mut there = BTreeSet::new();
    functions(&root().join("src"), &mut there);
    functions(&root().join("tests"), &mut there);
    there.remove("g6_cve_2025_65015_no_reason_repeats_the_token");
    assert_eq!(faults(&page, &there).len(), 1);
    there.insert("g6_cve_2025_65015_no_reason_repeats_the_token".to_owned());
    assert_eq!(faults(&page.replace("| E7 |", "| E |"), &there), ["E7 has no row"]);
    assert_eq!(faults(&page.replace("`g6_cve_2025_65015_no", "`g6_no"), &there).len(), 2);
    let runtime = page.replace("`test_no_bad_token_is_accepted_at_any_depth`", "`test_that_is_not_there`");
    assert_eq!(faults(&runtime, &there), ["Python's stack is full: there is no test test_that_is_not_there"]);
    assert!(faults("", &there).len() > 70);
}
