//! The extension finds llama.cpp beside itself, in the wheel's `lib` folder.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let origin = match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux") => "$ORIGIN",
        Ok("macos") => "@loader_path",
        _ => return,
    };
    println!("cargo:rustc-link-arg-cdylib=-Wl,-rpath,{origin}/lib");
}
