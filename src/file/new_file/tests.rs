use std::fs;

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn begin(path: &Path, existing: Existing, content: &[u8]) -> NewFile {
    let mut file = NewFile::create(path, existing).unwrap();
    file.write_all(content).unwrap();
    file
}

#[test]
fn a_file_that_is_given_up_leaves_nothing_and_what_stood_there_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gcap");
    let file = begin(&path, Existing::Keep, b"half");
    let beside = names(folder.path());
    assert!(
        matches!(&beside[..], [name] if name.starts_with(".a.gcap.") && name.ends_with(".part")),
        "{beside:?}"
    );
    drop(file);
    assert_eq!(names(folder.path()), [""; 0]);
    fs::write(&path, "old").unwrap();
    drop(begin(&path, Existing::Replace, b"half"));
    assert_eq!(names(folder.path()), ["a.gcap"]);
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

#[test]
fn an_old_file_is_replaced_only_when_the_new_one_takes_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gcap");
    fs::write(&path, "old").unwrap();
    let refused = NewFile::create(&path, Existing::Keep).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::AlreadyExists);
    let mut file = begin(&path, Existing::Replace, b"ne");
    assert_eq!(fs::read(&path).unwrap(), b"old");
    file.take_name().unwrap();
    file.write_all(b"w").unwrap();
    file.commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(names(folder.path()), ["a.gcap"]);
}

#[test]
fn of_two_that_want_a_free_name_one_gets_it_and_the_other_keeps_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gcap");
    for existing in [Existing::Keep, Existing::Replace] {
        let (one, mut other) = (begin(&path, existing, b"one"), begin(&path, existing, b"other"));
        one.commit().unwrap();
        assert_eq!(other.take_name().unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"one");
        other.take_other_name().unwrap();
        assert_eq!(fs::read(other.path()).unwrap(), b"other");
        assert!(other.path().extension().unwrap() == "gcap");
        fs::remove_file(other.path()).unwrap();
        fs::remove_file(&path).unwrap();
    }
}

#[test]
fn many_that_take_a_name_at_once_have_one_winner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gcap");
    fs::write(&path, "old").unwrap();
    let files: Vec<_> = (0..8)
        .map(|number| begin(&path, Existing::Replace, &[number]))
        .collect();
    let barrier = std::sync::Barrier::new(files.len());
    let named: Vec<NewFile> = std::thread::scope(|scope| {
        let takes: Vec<_> = files
            .into_iter()
            .map(|mut file| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    if file.take_name().is_err() {
                        file.take_other_name().unwrap();
                    }
                    file
                })
            })
            .collect();
        takes.into_iter().map(|take| take.join().unwrap()).collect()
    });
    let winners = named.iter().filter(|file| file.path() == path).count();
    assert_eq!(winners, 1);
    for (number, file) in named.iter().enumerate() {
        assert_eq!(fs::read(file.path()).unwrap(), [number as u8]);
    }
}

#[test]
fn what_another_process_is_writing_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gcap");
    let mut one = begin(&path, Existing::Keep, b"one");
    one.take_name().unwrap();
    let refused = NewFile::create(&path, Existing::Replace).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ResourceBusy);
    drop(one);
    begin(&path, Existing::Replace, b"other").commit().unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"other");
}

#[test]
fn no_planted_link_is_followed_and_only_the_owner_can_read() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let folder = tempfile::tempdir().unwrap();
    let (path, elsewhere) = (folder.path().join("a.gcap"), folder.path().join("elsewhere"));
    fs::write(&elsewhere, "precious").unwrap();
    symlink(&elsewhere, temporary(&path, 0)).unwrap();
    let file = begin(&path, Existing::Keep, b"new");
    assert_eq!(file.place(), temporary(&path, 1));
    file.commit().unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    // A link under the name itself is replaced, and not what it points to.
    let link = folder.path().join("b.gcap");
    symlink(&elsewhere, &link).unwrap();
    assert_eq!(
        NewFile::create(&link, Existing::Keep).unwrap_err().kind(),
        ErrorKind::AlreadyExists
    );
    begin(&link, Existing::Replace, b"new").commit().unwrap();
    assert_eq!(fs::read(&elsewhere).unwrap(), b"precious");
    assert_eq!(fs::read(&link).unwrap(), b"new");
}

#[test]
fn names_that_are_no_files_are_refused_and_long_ones_are_not() {
    let folder = tempfile::tempdir().unwrap();
    assert!(NewFile::create(folder.path(), Existing::Replace).is_err());
    assert!(NewFile::create("..", Existing::Keep).is_err());
    let long = folder.path().join("x".repeat(250));
    begin(&long, Existing::Keep, b"new").commit().unwrap();
    assert_eq!(fs::read(&long).unwrap(), b"new");
}

#[cfg(unix)]
#[test]
fn a_file_that_is_no_secret_keeps_the_permissions_of_the_one_that_it_replaces() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("golden.txt");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fs::write(folder.path().join("ordinary"), "").unwrap();
    NewFile::create_shared(&path, Existing::Keep).unwrap().commit().unwrap();
    assert_eq!(mode(&path), mode(&folder.path().join("ordinary")), "as any other file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let mut file = NewFile::create_shared(&path, Existing::Replace).unwrap();
    file.write_all(b"new").unwrap();
    file.commit().unwrap();
    assert_eq!((mode(&path), fs::read(&path).unwrap()), (0o640, b"new".to_vec()));
    assert_eq!(names(folder.path()), ["golden.txt", "ordinary"], "nothing is left");
}
