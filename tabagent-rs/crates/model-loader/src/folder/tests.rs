use super::*;

fn made(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tabagent-folder-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("temporary folder");
    folder
}

fn write(path: &Path) {
    std::fs::write(path, b"GGUF").expect("temporary file");
}

fn visited(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    visit(folder, |_, files| names.extend(files.iter().map(|file| file.path.clone())));
    names
}

#[cfg(unix)]
#[test]
fn models_with_unusable_names_are_reported() {
    let folder = made("unusable");
    for name in ["a:b.gguf", "a\\b.gguf", "a:b.txt", "good.gguf"] {
        write(&folder.join(name));
    }
    let mut left_out = visit(&folder, |_, files| assert_eq!(files.len(), 1));
    left_out.sort();
    assert_eq!(left_out, [folder.join("a:b.gguf"), folder.join("a\\b.gguf")]);
    std::fs::remove_dir_all(&folder).expect("temporary folder");
}

#[cfg(unix)]
#[test]
fn links_to_the_folder_itself_are_not_followed() {
    let folder = made("loops");
    let inner = folder.join("inner");
    std::fs::create_dir(&inner).expect("temporary folder");
    write(&inner.join("a.gguf"));
    for number in 0..100 {
        std::os::unix::fs::symlink(".", folder.join(format!("self{number}"))).expect("a link");
        std::os::unix::fs::symlink("..", inner.join(format!("back{number}"))).expect("a link");
    }
    assert_eq!(visited(&folder), ["a.gguf"]);
    let all = all_files(&folder).expect("readable");
    assert_eq!(all.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["inner/a.gguf"]);
    std::fs::remove_dir_all(&folder).expect("temporary folder");
}

#[cfg(unix)]
#[test]
fn links_between_folders_multiply_up_to_a_limit() {
    let folder = made("fan");
    for level in 0..4 {
        std::fs::create_dir(folder.join(level.to_string())).expect("temporary folder");
        for number in 0..60 {
            let at = folder.join(format!("{level}/{number}"));
            std::os::unix::fs::symlink(format!("../{}", level + 1), at).expect("a link");
        }
    }
    let began = std::time::Instant::now();
    visited(&folder);
    all_files(&folder).expect("readable");
    assert!(began.elapsed().as_secs() < 20, "it followed every path");
    std::fs::remove_dir_all(&folder).expect("temporary folder");
}

#[test]
fn other_files_do_not_hide_models() {
    let mut walk = Walk::default();
    assert!((0..2 * MOST_FILES).filter(|number| walk.keeps(&format!("{number}.txt"))).count() == MOST_FILES);
    assert!(walk.keeps("model.gguf"));
}
